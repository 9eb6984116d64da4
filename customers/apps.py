"""Customers, as a Django application."""

from django.apps import AppConfig


class CustomersConfig(AppConfig):
    name = "customers"
    verbose_name = "Customers"
    # Indexes that nobody wants any more go, those of which a ring was lost come.
    prune_task = "customers.build_indexes"
