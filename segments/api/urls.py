"""Addresses of the API for segments."""

urlpatterns: list = []
