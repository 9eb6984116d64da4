"""What answers of the API are checked for."""

from typing import Any

MEMBERS = {"type", "title", "status", "detail", "code", "request_id"}


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The problem document that this answer has to be."""
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content
    document: dict[str, Any] = answer.json()
    assert set(document) >= MEMBERS
    assert (document["status"], document["code"]) == (status, code)
    assert document["type"] == f"urn:problem-type:{code}"
    assert document["request_id"] == answer["X-Request-ID"]
    assert document["detail"].endswith((".", ")", "?"))
    return document


def pointers(document: dict[str, Any]) -> dict[str, str]:
    """Where a problem says that something is wrong, with the code of each."""
    assert all(set(fault) == {"pointer", "code", "detail"} for fault in document["errors"])
    return {fault["pointer"]: fault["code"] for fault in document["errors"]}
