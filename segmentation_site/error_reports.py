"""Errors told to Sentry, where the environment names one: what went wrong and where, and nothing of anybody's data."""

from importlib.util import find_spec
from typing import Any

from django.core.exceptions import ImproperlyConfigured


def tell(dsn: str, process: str) -> None:
    """Tell of errors from now on; `process` is the tag that tells web and worker apart.

    Raises ImproperlyConfigured when sentry-sdk is not installed.
    """
    if find_spec("sentry_sdk") is None:
        raise ImproperlyConfigured(
            "SENTRY_DSN is set, and sentry-sdk is not installed. "
            "Install it: .venv/bin/pip install --require-hashes -r requirements-more.txt"
        )
    # Not loaded where nobody asked for it: it takes 10 MB of each process.
    import sentry_sdk

    sentry_sdk.init(
        dsn=dsn,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        before_send=_without_data,
    )
    sentry_sdk.set_tag("process", process)


def _without_data(event: Any, hint: dict[str, Any]) -> Any:
    """What was asked for and what an error says may hold a name or an address; where it happened does not."""
    for key in ("query_string", "cookies", "data", "headers", "env"):
        event.get("request", {}).pop(key, None)
    if "url" in event.get("request", {}):
        event["request"]["url"] = event["request"]["url"].partition("?")[0]
    event.pop("user", None)
    event.pop("extra", None)
    for one in event.get("exception", {}).get("values", []):
        one.pop("value", None)
    return event
