"""Addresses of the API that are about attributes and imports."""

from django.urls import path

from customers.api.attributes import Attributes
from customers.api.imports import ImportCancel, ImportOne, ImportRejects, Imports, ImportUndo

urlpatterns = [
    path("attributes", Attributes.as_view(), name="api-attributes"),
    path("imports", Imports.as_view(), name="api-imports"),
    path("imports/<str:public_id>", ImportOne.as_view(), name="api-import"),
    path("imports/<str:public_id>/rejects", ImportRejects.as_view(), name="api-import-rejects"),
    path("imports/<str:public_id>/cancel", ImportCancel.as_view(), name="api-import-cancel"),
    path("imports/<str:public_id>/undo", ImportUndo.as_view(), name="api-import-undo"),
]
