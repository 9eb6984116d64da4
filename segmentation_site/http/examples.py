"""Examples in the API's description: one of every body and answer, put together from one value for each name.

What a name means is the same everywhere, so that a value has to be thought of once; a test holds every example against
its schema.
"""

from collections.abc import Mapping
from typing import Any

from segmentation_site.http.problems import MEDIA_TYPE, title_of

Schema = Mapping[str, Any]

# Of the shape and the property where the name alone says too little; of the property otherwise.
_VALUES: dict[str, Any] = {
    "Batch.customers": [{"external_id": "17", "age": 36, "email": "ada@example.com"}],
    "BriefRun.id": "run_3m8k2c9d4f5g6h7j",
    "Candidate.seconds": 0.08,
    "CategoryProfile.counts": {"female": 22, "male": 17},
    "CategoryProfile.missing": 0,
    "CategoryProfile.rest": 0,
    "Delivery.data": {"run_id": "run_3m8k2c9d4f5g6h7j"},
    "Delivery.id": "dlv_3m8k2c9d4f5g6h7j",
    "Drift.run": "run_3m8k2c9d4f5g6h7j",
    "Export.id": "exp_3m8k2c9d4f5g6h7j",
    "FeatureChoice.missing": "median",
    "Fault.code": "unknown_parameter",
    "Fault.detail": "There is no parameter 'page' here. Known: page_size, cursor.",
    "Import.id": "imp_3m8k2c9d4f5g6h7j",
    "JobError.code": "memory",
    "JobError.detail": "This needs more memory than one job may take.",
    "Usage.calls": 1440,
    "Usage.hours": 24,
    "Key.id": "key_3m8k2c9d4f5g6h7j",
    "Key.name": "Newsletter tool",
    "Limits.calls": 600,
    "Limits.seconds": 60,
    "Reason.code": "above_maximum",
    "Reason.detail": "200 is more than 130.",
    "Run.id": "run_3m8k2c9d4f5g6h7j",
    "Webhook.id": "whk_3m8k2c9d4f5g6h7j",
    "Segment.id": "sgm_3m8k2c9d4f5g6h7j",
    "RunSegment.id": "sgm_3m8k2c9d4f5g6h7j",
    "SegmentName.id": "sgm_3m8k2c9d4f5g6h7j",
    "FeatureChoice.name": "annual_income",
    "FeatureReason.is_out_of_range": False,
    "FeatureReason.name": "annual_income",
    "FeatureReason.value": 54.5,
    "Explanation.runner_up": {"id": "sgm_1a8k2c9d4f5g6h7j", "name": "Careful"},
    "Place.runner_up": {"id": "sgm_1a8k2c9d4f5g6h7j", "name": "Careful"},
    "Place.previous_segment": None,
    "Run.status": "published",
    "BriefRun.status": "published",
    "Score.errors": [],
    "WrittenCustomer.errors": [],
    "Score.is_far": False,
    "Export.status": "done",
    "Export.hashed": None,
    "Import.status": "done",
    "Condition.value": "Germany",
    "Attribute.categories": [],
    "Webhook.name": "Newsletter tool",
    "WebhookWithSecret.id": "whk_3m8k2c9d4f5g6h7j",
    "WebhookWithSecret.name": "Newsletter tool",
    "NewWebhook.name": "Newsletter tool",
    "WebhookChange.name": "Newsletter tool",
    "NewSegmentation.name": "Income and spending",
    "Segmentation.name": "Income and spending",
    "SegmentationChange.name": "Income and spending",
    "Attribute.key": "annual_income",
    "Attribute.minimum": 0,
    "FeatureProfile.mean": 86.5,
    "SuggestedAction.action": "win_back",
    "action": "Invite them to the first look at what is new.",
    "after": "run_3m8k2c9d4f5g6h7j",
    "age": 36,
    "annual_income": 54.5,
    "as_of": "2026-01-31",
    "asked": "17",
    "attribute": "country",
    "baseline": "run_1a8k2c9d4f5g6h7j",
    "before": "run_1a8k2c9d4f5g6h7j",
    "birth_date": "1989-05-17",
    "change_sequence": 1204,
    "city": "Hamburg",
    "clip": True,
    "colour": 2,
    "country": "Germany",
    "customers": 200,
    "description": "High income and high spending.",
    "detail": "Something went wrong.",
    "distance": 0.41,
    "edges": [70.0, 87.0, 137.0],
    "bins": [29, 10],
    "email": "ada@example.com",
    "columns": ["email", "city"],
    "consent": "granted",
    "disabled_at": None,
    "disabled_reason": None,
    "error": None,
    "event_id": "evt_3m8k2c9d4f5g6h7j",
    "external_id": "17",
    "field": "age",
    "file": "https://segments.example.com/api/v1/exports/exp_3m8k2c9d4f5g6h7j/file",
    "file_name": "Mall_Customers.csv",
    "first_name": "Ada",
    "from_segment_id": "sgm_1a8k2c9d4f5g6h7j",
    "gender": "female",
    "goes_on_as": "sgm_1a8k2c9d4f5g6h7j",
    "import": "imp_3m8k2c9d4f5g6h7j",
    "joined_on": "2024-03-01",
    "k": 5,
    "k_range": [2, 10],
    "label": "Annual income",
    "last_name": "Lovelace",
    "missing_attributes": [],
    "name": "Big spenders",
    "next": None,
    "out_of_range": [],
    "page_size": 1000,
    "phase": "",
    "phone": "+49 40 123456",
    "pointer": "?page",
    "prefix": "053fbc658912",
    "published_run": "run_3m8k2c9d4f5g6h7j",
    "reason": "",
    "request_id": "req_9405dee83e9c439193ac007f908cd834",
    "response_excerpt": "",
    "response_status": 200,
    "run_id": "run_3m8k2c9d4f5g6h7j",
    "runner_up_id": "sgm_1a8k2c9d4f5g6h7j",
    "scopes": ["members:read", "segments:read"],
    "secret": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "segment_id": "sgm_3m8k2c9d4f5g6h7j",
    "segment_name": "Big spenders",
    "segmentation": "income-and-spending",
    "sentence": "Annual income speaks most for it.",
    "sequence": 123,
    "share": 0.195,
    "silhouette": 0.55,
    "size": 39,
    "slug": "income-and-spending",
    "spending_score": 81,
    "stability": 0.93,
    "to_segment_id": "sgm_3m8k2c9d4f5g6h7j",
    "unit": "k$",
    "url": "https://example.com/hooks/segments",
    "user": None,
    "warnings": [],
    "why": "37 of its 39 customers are the same.",
}
_OF_PARAMETER: dict[str, Any] = {
    "contactable": True,
    "cursor": "WzEsNV0.FDLjDdQZu0VMmDV0fK7vZZtCuhkSnun2sviDDr0Lygg",
    "delivery_id": "dlv_3m8k2c9d4f5g6h7j",
    "external_id": "17",
    "fields": ["first_name", "email"],
    "format": "pmml",
    "page_size": 1000,
    "segment": "sgm_3m8k2c9d4f5g6h7j",
    "segmentation": "income-and-spending",
    "since": 122,
    "slug": "income-and-spending",
    "updated_since": 1203,
    "with": "run_1a8k2c9d4f5g6h7j",
}
# Of whole bodies where not everything that may be given goes together.
_WHOLE: dict[str, Any] = {
    "Definition": {
        "features": [{"name": "annual_income"}, {"name": "spending_score"}],
        "k": "auto",
        "k_range": [2, 10],
    },
    "Lookup": {"external_ids": ["17"], "emails": ["ada@example.com"]},
    "MatchDecisions": {"segments": {"sgm_3m8k2c9d4f5g6h7j": "sgm_1a8k2c9d4f5g6h7j"}},
    "NewExport": {"segment": "sgm_3m8k2c9d4f5g6h7j", "format": "csv", "columns": ["email", "city"]},
    "NewRun": {"publish": False},
    "Schedule": {"every": "week", "weekday": "monday", "hour": 4},
    "SegmentationChange": {"definition": {"k": 5}, "schedule": None},
    "WebhookChange": {"is_enabled": False},
}
_OF_FORMAT = {
    "date-time": "2026-01-31T09:30:00Z",
    "date": "2026-01-31",
    "uri": "https://segments.example.com/api/v1/me",
}
_OF_TYPE: dict[str, Any] = {"string": "…", "integer": 1, "number": 0.5, "boolean": True, "null": None}
# One of the codes that come with each status.
_CODES = {
    400: "invalid_request",
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    406: "not_acceptable",
    409: "already_running",
    410: "export_gone",
    412: "changed_meanwhile",
    413: "too_large",
    415: "unsupported_media_type",
    422: "idempotency_key_reused",
    429: "throttled",
    503: "unavailable",
    507: "disk",
}
# Of the ids in paths, by the noun before them.
_OF_NOUN = {
    "exports": "exp_3m8k2c9d4f5g6h7j",
    "imports": "imp_3m8k2c9d4f5g6h7j",
    "runs": "run_3m8k2c9d4f5g6h7j",
    "segments": "sgm_3m8k2c9d4f5g6h7j",
    "webhooks": "whk_3m8k2c9d4f5g6h7j",
}


def add_examples(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Gives every parameter, JSON body and JSON answer an example; drf-spectacular calls this with the document."""
    shapes = result["components"]["schemas"]
    for path, methods in result["paths"].items():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                if (value := _of_parameter(parameter, path)) is not None:
                    parameter.setdefault("example", value)
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            for content in (one for body in bodies for kind, one in body.get("content", {}).items() if _is_json(kind)):
                content.setdefault("example", example_of(content["schema"], shapes))
    return result


def _is_json(media_type: str) -> bool:
    return media_type in ("application/json", MEDIA_TYPE)


def _of_parameter(parameter: Schema, path: str) -> Any:
    if parameter["in"] == "path" and parameter["name"] == "id":
        return _OF_NOUN[path.split("/")[3]]
    return _OF_PARAMETER.get(parameter["name"])


def problem_example(status: int, detail: str) -> dict[str, Any]:
    """A problem document as it comes with this status."""
    code = _CODES[status]
    return {
        "type": f"urn:problem-type:{code}",
        "title": title_of(status),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": _VALUES["request_id"],
    }


def example_of(schema: Schema, shapes: Mapping[str, Schema], name: str = "") -> Any:
    """A value that fits the schema.

    shapes   what references lead to, by name
    name     of the shape and the property that it is for
    """
    if "$ref" in schema:
        shape = schema["$ref"].rpartition("/")[2]
        return _WHOLE[shape] if shape in _WHOLE else example_of(shapes[shape], shapes, shape)
    if "examples" in schema:
        return schema["examples"][0]
    for known in (name, name.partition(".")[2]):
        if known in _VALUES:
            return _VALUES[known]
    if "properties" in schema:
        shape = name.partition(".")[0]
        return {key: example_of(one, shapes, f"{shape}.{key}") for key, one in schema["properties"].items()}
    if "oneOf" in schema and "$ref" in schema["oneOf"][0]:
        return example_of(schema["oneOf"][0], shapes, name)
    if "enum" in schema:
        return schema["enum"][0]
    kinds = schema.get("type", "string")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "object":
        more = schema.get("additionalProperties")
        return {"annual_income": example_of(more, shapes, name)} if isinstance(more, Mapping) else {}
    if kind == "array":
        return [example_of(schema["items"], shapes)]
    return _OF_FORMAT.get(schema.get("format", ""), _OF_TYPE[kind])
