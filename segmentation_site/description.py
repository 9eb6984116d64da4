"""How the description of the API is made and shown; the settings take it from here."""

SPECTACULAR_SETTINGS = {
    "TITLE": "Customer segmentation API",
    "DESCRIPTION": "Segments, their members and profiles, and the customers behind them. "
    "Ids are opaque strings that keep their meaning over refits.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SORT_OPERATIONS": False,
    "PREPROCESSING_HOOKS": ["segmentation_site.http.schema.only_described"],
    "POSTPROCESSING_HOOKS": [
        "segmentation_site.http.schema.add_shapes",
        "segmentation_site.http.examples.add_examples",
    ],
}
