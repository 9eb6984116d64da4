"""Addresses of the pages on imports."""

from customers.pages import imports

urlpatterns = [*imports.urlpatterns]
