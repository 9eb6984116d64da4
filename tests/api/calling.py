"""Programs that call the API with a key of their own."""

from typing import Any

from django.http import HttpResponse
from django.test import Client

from segmentation_site.access import keys

API = "/api/v1"


class Caller:
    """A program with a key of these scopes. Paths are those of the interface; `json` of an answer is read by `data`."""

    def __init__(self, *scopes: str) -> None:
        self.key, self.secret = keys.create_key("a program", scopes=scopes, by=None)
        self._client = Client(headers={"Authorization": f"Bearer {self.secret}"})

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        """The answer to GET; headers are given as `if_none_match=…`."""
        return self._client.get(_address(path), query or {}, headers=_named(headers))

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._client.post(_address(path), body or {}, content_type="application/json", headers=_named(headers))

    def patch(self, path: str, body: Any) -> Any:
        return self._client.patch(_address(path), body, content_type="application/json")

    def put(self, path: str, body: Any, **headers: str) -> Any:
        return self._client.put(_address(path), body, content_type="application/json", headers=_named(headers))

    def delete(self, path: str) -> Any:
        return self._client.delete(_address(path))

    def pull(self, path: str, query: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Every result of a list, page by page until `next` is null."""
        found: list[dict[str, Any]] = []
        page = data(self.get(path, query))
        found += page["results"]
        while page["next"]:
            page = data(self.get(page["next"]))
            found += page["results"]
        return found


def data(answer: HttpResponse, status: int = 200) -> Any:
    """What an answer says, when it has this status."""
    assert answer.status_code == status, answer.content
    return answer.json()  # type: ignore[attr-defined]


def _address(path: str) -> str:
    return path if path.startswith("http") else API + path


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
