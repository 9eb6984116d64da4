"""The API's description in OpenAPI 3.1: what each endpoint takes, answers and refuses, told beside its code."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from segmentation_site.http import idempotency
from segmentation_site.http.examples import problem_example
from segmentation_site.http.parameters import Parameter
from segmentation_site.http.problems import MEDIA_TYPE, title_of

Schema = dict[str, Any]
Decorator = Callable[[Any], Any]

_SHAPES: dict[str, Schema] = {}

TEXT: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time"}

IF_NONE_MATCH = "If-None-Match"

REFUSALS = {
    400: "Something in the request cannot be; `errors` says where.",
    401: "No key, or one that is wrong, expired or revoked.",
    403: "The key or role lacks a scope, which `detail` names.",
    404: "There is nothing here, or nothing that you may see.",
    406: "None of the formats in `Accept` is to be had here.",
    409: "A conflict; nothing was done.",
    410: "It was here and is no longer kept.",
    412: "It was changed meanwhile.",
    413: "The file is too large.",
    415: "This is not a kind of body, or of file, that can be read.",
    422: "An idempotency key that was used with another body.",
    429: "Too many calls; `Retry-After` says when to come back.",
    507: "There is no room left on the disk.",
    503: "The database does not answer right now; `Retry-After` says when to come back.",
}


_RETRY = {"Retry-After": (INTEGER, "Seconds to wait.")}
HEADERS_OF_REFUSALS: dict[int, dict[str, tuple[Schema, str]]] = {
    401: {"WWW-Authenticate": (TEXT, "How to sign in.")},
    429: _RETRY
    | {
        "RateLimit": (TEXT, "What is left of the calls of this minute, and when it ends."),
        "RateLimit-Policy": (TEXT, "How many calls a key has in how many seconds."),
    },
    503: _RETRY,
}


def shape(
    name: str, properties: Mapping[str, Schema], *, optional: Sequence[str] = (), more: Schema | bool = False
) -> Schema:
    """Register an object under a name, its properties required but for the `optional`; returns a reference to it.

    `more` is what properties beside these are, where there may be any. Raises ValueError for a name that is taken.
    """
    if name in _SHAPES:
        raise ValueError(f"There is a shape {name} already: one of the two would be described wrongly.")
    _SHAPES[name] = {
        "type": "object",
        "properties": dict(properties),
        "required": [key for key in properties if key not in optional],
        "additionalProperties": more,
    }
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    if "$ref" in schema:
        return {"oneOf": [schema, {"type": "null"}]}
    allowed = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return schema | {"type": [schema["type"], "null"]} | allowed


def list_of(schema: Schema) -> Schema:
    """An array."""
    return {"type": "array", "items": schema}


def one_of(values: Sequence[str]) -> Schema:
    """A text out of a few."""
    return {"type": "string", "enum": list(values)}


def page_of(schema: Schema) -> Schema:
    """A page of a list."""
    return {
        "type": "object",
        "properties": {"results": list_of(schema), "next": {"type": ["string", "null"], "format": "uri"}},
        "required": ["results", "next"],
    }


PROBLEM = shape(
    "Problem",
    {
        "type": TEXT,
        "title": TEXT,
        "status": INTEGER,
        "detail": TEXT,
        "code": TEXT,
        "request_id": TEXT,
        "errors": list_of(shape("Fault", {"pointer": TEXT, "code": TEXT, "detail": TEXT})),
    },
    optional=["errors"],
    # Such as the id of the run that is under way.
    more=True,
)


def operation(
    summary: str,
    answer: Schema | None = None,
    *,
    status: int = 200,
    body: Schema | Mapping[str, Schema] | None = None,
    refuses: Sequence[int] = (),
    media: Mapping[str, Schema] | None = None,
    description: str = "",
    headers: Sequence[str] = (),
    location: str = "",
) -> Decorator:
    """Describe a method of a view.

    answer   the JSON of a good answer; None for one without a body
    body     the JSON that it takes, or media type → schema
    refuses  statuses of problems beyond those that every endpoint may give
    media    further media types of the good answer
    headers  names of request headers that it heeds
    location what is at the address that the answer's `Location` gives; "" where there is none
    """
    contents = ({"application/json": answer} if answer else {}) | dict(media or {})
    answers: dict[Any, Any] = {(status, kind): OpenApiResponse(schema, summary) for kind, schema in contents.items()}
    answers |= {(code, MEDIA_TYPE): OpenApiResponse(PROBLEM, REFUSALS[code]) for code in sorted(refuses)}
    if not contents:
        answers[status] = OpenApiResponse(description="Done.")
    if IF_NONE_MATCH in headers:
        answers[304] = OpenApiResponse(description="Nothing has changed since the answer with this `ETag`.")
    request: Any = body
    if body is not None and not ("$ref" in body or "type" in body):
        request = dict(body)
    elif body is not None:
        request = {"application/json": body}
    extra = [OpenApiParameter(name, str, OpenApiParameter.HEADER) for name in headers]
    if idempotency.HEADER in headers:
        told = "`true` where this is the answer of an earlier request."
        extra.append(_header_of_answer(status, idempotency.REPLAYED, told))
    if location:
        extra.append(_header_of_answer(status, "Location", location, TEXT | {"format": "uri"}))
    if IF_NONE_MATCH in headers:
        extra.append(_header_of_answer(status, "ETag", "Send it back as `If-None-Match`."))
    return extend_schema(
        summary=summary, description=description or None, request=request, responses=answers, parameters=extra
    )


def _header_of_answer(status: int, name: str, description: str, schema: Schema = TEXT) -> OpenApiParameter:
    return OpenApiParameter(name, schema, OpenApiParameter.HEADER, description=description, response=[status])


class ProblemAutoSchema(AutoSchema):
    """Adds to what a view says of itself: its scope, its query parameters, and the problems that any endpoint gives."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        described: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if described is not None:
            scope = self._scope()
            needs = "Needs a key, whatever its scopes." if scope == "any" else f"Needs the scope `{scope}`."
            described["description"] = f"{described.get('description', '')}\n\n{needs}".strip()
        return described

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/v1/").split("/")[0]]

    def get_operation_id(self) -> str:
        words = [part.strip("{}") for part in self.path.removeprefix("/api/v1/").split("/")]
        return "_".join([self.method.lower(), *words])

    def get_override_parameters(self) -> list[Any]:
        declared = super().get_override_parameters()
        query: Sequence[Parameter] = getattr(self.view, "query", {}).get(self.method, ())
        return [
            *declared,
            *(
                OpenApiParameter(
                    one.name,
                    dict(one.schema),
                    OpenApiParameter.QUERY,
                    description=one.description,
                    required=one.is_required,
                    explode=False if one.schema.get("type") == "array" else None,
                )
                for one in query
            ),
        ]

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        answers: dict[str, Any] = super()._get_response_bodies(direction)
        usual = [400, 401, 403, 406, 429, 503] + ([404] if "{" in self.path else [])
        if self.method in ("POST", "PUT", "PATCH"):
            usual += [413, 415]
        for code in {*usual, *(int(code) for code in answers if int(code) >= 400)}:
            answers[str(code)] = {"$ref": f"#/components/responses/{_name_of(code)}"}
        return dict(sorted(answers.items()))

    def _get_format_parameters(self) -> list[Any]:
        # Formats are chosen by `Accept` alone: `format` would be an unknown parameter.
        return []

    def _scope(self) -> str:
        scope = getattr(self.view, "required_scope", None)
        return str(scope.get(self.method) if isinstance(scope, dict) else scope)


def only_described(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """The endpoints of the API proper, with ids called ids; drf-spectacular asks before it makes the document."""
    return [
        (path.replace("{public_id}", "{id}"), pattern.replace(":public_id>", ":id>"), method, view)
        for path, pattern, method, view in endpoints
        if path.startswith("/api/v1/")
    ]


def add_shapes(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Puts the registered shapes into the document; drf-spectacular calls this when it has made it."""
    components = result.setdefault("components", {})
    components["schemas"] = dict(sorted((components.get("schemas", {}) | _SHAPES).items()))
    components["responses"] = {_name_of(code): _refusal(code) for code in sorted(REFUSALS)}
    return result


def _name_of(code: int) -> str:
    """How the answer with a problem of this status is called: once for all operations."""
    return "".join(word.capitalize() for word in title_of(code).split())


def _refusal(code: int) -> dict[str, Any]:
    example = problem_example(code, REFUSALS[code])
    headers = {
        name: {"schema": schema, "description": description, "required": True}
        for name, (schema, description) in HEADERS_OF_REFUSALS.get(code, {}).items()
    }
    content = {MEDIA_TYPE: {"schema": PROBLEM, "example": example}}
    return {"description": REFUSALS[code], "content": content} | ({"headers": headers} if headers else {})


class ApiKeySecurity(OpenApiAuthenticationExtension):
    """How a program signs in."""

    target_class = "segmentation_site.access.keys.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "seg_<prefix>_<secret>"}


class SessionSecurity(OpenApiAuthenticationExtension):
    """How the site's own pages do."""

    target_class = "segmentation_site.access.keys.BrowserSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        from django.conf import settings

        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
