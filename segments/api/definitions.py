"""A segmentation's definition in the API's description."""

from segmentation_site.http.schema import BOOLEAN, INTEGER, NUMBER, TEXT, list_of, nullable, one_of, shape
from segments.kmeans.definition import Missing, Operator
from segments.kmeans.shapes import Scaling, Transform

DEFINITION = shape(
    "Definition",
    {
        "features": list_of(
            shape(
                "FeatureChoice",
                {
                    "name": TEXT,
                    "transform": one_of([one.value for one in Transform]),
                    "weight": NUMBER,
                    "missing": {"oneOf": [one_of([one.value for one in Missing]), NUMBER]},
                    "clip": {"oneOf": [BOOLEAN, {"type": "null"}, {**list_of(NUMBER), "minItems": 2, "maxItems": 2}]},
                    "scaling": {"oneOf": [one_of([one.value for one in Scaling]), {"type": "null"}]},
                },
                optional=["transform", "weight", "missing", "clip", "scaling"],
            )
        ),
        "scaling": one_of([one.value for one in Scaling]),
        "k": {"oneOf": [INTEGER, one_of(["auto"])]},
        "k_range": list_of(INTEGER),
        "seed": INTEGER,
        "as_of": nullable({"type": "string", "format": "date"}),
        "filter": list_of(
            shape(
                "Condition",
                {
                    "attribute": TEXT,
                    "operator": one_of([one.value for one in Operator]),
                    "value": {"description": "A text, a number, true or false, or a list of them for `in`."},
                },
                optional=["value"],
            )
        ),
    },
    optional=["scaling", "k", "k_range", "seed", "as_of", "filter"],
)
