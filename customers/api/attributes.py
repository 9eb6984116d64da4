"""What is known of customers."""

from rest_framework.request import Request
from rest_framework.response import Response

from customers import attributes
from customers.files.schema import Kind
from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView
from segmentation_site.http import paging
from segmentation_site.http.schema import BOOLEAN, NUMBER, TEXT, list_of, nullable, one_of, operation, page_of, shape

ATTRIBUTE = shape(
    "Attribute",
    {
        "key": TEXT,
        "label": TEXT,
        "kind": one_of([kind.value for kind in Kind]),
        "unit": TEXT,
        "minimum": nullable(NUMBER),
        "maximum": nullable(NUMBER),
        "categories": list_of(TEXT),
        "is_feature": BOOLEAN,
        "is_built_in": BOOLEAN,
    },
)


class Attributes(ApiView):
    """Built-in and registered attributes."""

    required_scope = Scope.CUSTOMERS_READ
    query = {"GET": paging.PAGING}

    @operation(
        "What is known of customers",
        page_of(ATTRIBUTE),
        description="Attributes with their kind, unit, limits and categories. Those that are features can tell "
        "segments apart.",
    )
    def get(self, request: Request) -> Response:
        features = {column.key for column in attributes.features()}
        built_in = {column.key for column in attributes.built_in()}
        known = [
            {
                "key": column.key,
                "label": column.label,
                "kind": column.kind,
                "unit": column.unit,
                "minimum": column.minimum,
                "maximum": column.maximum,
                "categories": list(column.categories),
                "is_feature": column.key in features,
                "is_built_in": column.key in built_in,
            }
            for column in (*attributes.columns(), *attributes.purchase_figures())
        ]
        page = paging.Page(*paging.in_order(known, paging.asked(request, self.asked)))
        return Response(paging.answer(request, page))
