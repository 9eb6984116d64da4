"""Addresses of the pages on imports."""

from customers.pages import imports, mapping

urlpatterns = [*imports.urlpatterns, *mapping.urlpatterns]
