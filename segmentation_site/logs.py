"""Logs: one JSON object a line from every process, with the id of the request that led to it, and nobody's data.

Messages and paths name jobs and routes, never customers. What databases say of an error quotes rows; of those only the
kind and the code are told.
"""

import logging
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any

import orjson
import psycopg
import structlog

# From a request's headers to the job that it starts, and to each line that is logged on behalf of either.
current_request_id: ContextVar[str] = ContextVar("current_request_id", default="-")

# What lines may tell beside their message.
FIELDS = ("method", "route", "status", "milliseconds")


def request_id_now() -> str:
    """The current request's id, or a dash."""
    return current_request_id.get()


Event = MutableMapping[str, Any]
# Django's loggers whose messages end in the path of a request, which may hold a customer's id.
_NAMES_PATH = ("django.request", "django.security", "django.server", "django.security.csrf")


def with_request_id(logger: object, name: str, event: Event) -> Event:
    """Adds the current request's id, where there is one."""
    if (request_id := current_request_id.get()) != "-":
        event["request_id"] = request_id
    return event


def without_paths(logger: object, name: str, event: Event) -> Event:
    """Tells the route in place of the path."""
    record: logging.LogRecord | None = event.get("_record")
    if record is not None and record.name.startswith(_NAMES_PATH):
        match = getattr(getattr(record, "request", None), "resolver_match", None)
        event["event"] = str(record.msg).split(":")[0].split("(")[0].strip()
        event["route"] = match.route if match else None
        event["status"] = getattr(record, "status_code", None)
    return event


def without_rows(logger: object, name: str, event: Event) -> Event:
    """Tells the kind and the code of a database's error, never its words, which quote values."""
    info = event.pop("exc_info", None)
    if not info or not isinstance(info, tuple) or info[1] is None:
        return event
    told, error, seen = [], info[1], set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        told.append(_told(error))
        error = error.__cause__ or error.__context__
    event["errors"] = told
    return event


def _told(error: BaseException) -> dict[str, Any]:
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno} {trace.tb_frame.f_code.co_qualname}")
        trace = trace.tb_next
    told: dict[str, Any] = {"type": f"{type(error).__module__}.{type(error).__qualname__}", "frames": frames}
    if isinstance(error, psycopg.Error) or type(error).__module__.startswith("django.db"):
        told["sqlstate"] = getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None)
    else:
        told["message"] = str(error)
    return told


def as_json(logger: object, name: str, event: Event) -> str:
    """One line."""
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def formatter() -> logging.Formatter:
    """What handlers of the standard library's logging use."""
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            without_paths,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            as_json,
        ],
        foreign_pre_chain=[
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(allow=FIELDS),
            with_request_id,
            without_rows,
        ],
    )
