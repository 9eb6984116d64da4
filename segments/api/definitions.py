"""A segmentation's definition in the API's description."""

from segmentation_site.http.schema import BOOLEAN, INTEGER, NUMBER, TEXT, Schema, list_of, nullable, one_of, shape
from segments.kmeans.definition import Missing, Operator
from segments.kmeans.shapes import EngineChoice, Scaling, Transform

_PARTS: dict[str, Schema] = {
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
    "engine": one_of([one.value for one in EngineChoice]),
}
_OPTIONAL = [name for name in _PARTS if name != "features"]
DEFINITION = shape("Definition", _PARTS, optional=_OPTIONAL)
# What is not given stays.
DEFINITION_CHANGE = shape("DefinitionChange", _PARTS, optional=list(_PARTS))
