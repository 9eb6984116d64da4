"""Imports: a file in, its progress and report out."""

from typing import Any, cast

import orjson
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict, StreamingHttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from customers import reporting, starting, undoing
from customers.models import EmptyCells, Import, ImportKey, ImportMode, ImportStatus
from segmentation_site.access.bodies import read_body
from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView, asked_by
from segmentation_site.http import paging
from segmentation_site.http.finding import find
from segmentation_site.http.idempotency import HEADER, idempotent
from segmentation_site.http.problems import Fault, InvalidRequest, escaped
from segmentation_site.http.rendering import CsvRenderer
from segmentation_site.http.requests import FORM_BYTES, announced_bytes
from segmentation_site.http.schema import (
    BOOLEAN,
    INTEGER,
    MOMENT,
    NUMBER,
    TEXT,
    nullable,
    one_of,
    operation,
    page_of,
    shape,
)
from segmentation_site.http.spreadsheets import csv_lines
from segmentation_site.jobs.leases import NotActive, request_cancel

FILE = "file"
FIELDS = {
    "kind": Import.Kind.CUSTOMERS.value,
    "mapping": "{}",
    "mode": ImportMode.UPSERT.value,
    "empty_cells": EmptyCells.LEAVE.value,
    "dry_run": "false",
    "reading": "{}",
    "source": "",
}

IMPORT = shape(
    "Import",
    {
        "id": TEXT,
        "import": TEXT,
        "kind": one_of(Import.Kind.values),
        "mode": one_of(ImportMode.values),
        "key": one_of(ImportKey.values),
        "empty_cells": one_of(EmptyCells.values),
        "dry_run": BOOLEAN,
        "file_name": TEXT,
        "status": one_of(ImportStatus.values),
        "phase": TEXT,
        "progress_done": INTEGER,
        "progress_total": nullable(INTEGER),
        "rows": nullable(INTEGER),
        "created": nullable(INTEGER),
        "updated": nullable(INTEGER),
        "unchanged": nullable(INTEGER),
        "rejected": nullable(INTEGER),
        "seconds": nullable(NUMBER),
        "created_at": MOMENT,
        "finished_at": nullable(MOMENT),
        "error": nullable(shape("JobError", {"code": TEXT, "detail": TEXT})),
    },
)
UPLOAD = {
    "multipart/form-data": {
        "type": "object",
        "properties": {
            "file": {
                "type": "string",
                "format": "binary",
                "description": "A table with a header: CSV, TSV, XLSX, NDJSON or Parquet, also compressed with gzip.",
            },
            "kind": one_of(Import.Kind.values),
            "mode": one_of(ImportMode.values),
            "empty_cells": one_of(EmptyCells.values),
            "source": {
                "type": "string",
                "description": "Of transactions: the shop or system that the order ids are of.",
            },
            "reading": {
                "type": "string",
                "description": "A JSON object that says how the file is written, where that is not recognised: any of "
                "encoding, delimiter, decimal, date_order, sheet, has_header, header_row, factors (header to number).",
            },
            "dry_run": one_of(["true", "false"]),
            "mapping": {
                "type": "string",
                "description": 'A JSON object from header to attribute, such as {"Annual Income (k$)": '
                '"annual_income"}, for headers that are not recognised; an empty text leaves a column out, '
                "and a factor after an asterisk multiplies its numbers: annual_income*0.001.",
            },
        },
        "required": ["file"],
    }
}


def as_json(one: Import) -> dict[str, Any]:
    """An import as the interface has it."""
    return {
        "id": one.public_id,
        # Under the name that it has in the command's report as well.
        "import": one.public_id,
        "kind": one.kind,
        "mode": one.mode,
        "key": one.key,
        "empty_cells": one.empty_cells,
        "dry_run": one.is_dry_run,
        "file_name": one.file_name,
        "status": one.status,
        "phase": one.phase,
        "progress_done": one.progress_done,
        "progress_total": one.progress_total,
        "rows": one.rows,
        "created": one.created,
        "updated": one.updated,
        "unchanged": one.unchanged,
        "rejected": one.rejected,
        "seconds": round(one.elapsed.total_seconds(), 3) if one.elapsed else None,
        "created_at": one.created_at,
        "finished_at": one.finished_at,
        "error": one.error,
    }


class Imports(ApiView):
    """The imports that were started, and the start of another one."""

    required_scope = Scope.IMPORTS_WRITE
    query = {"GET": paging.PAGING}
    parser_classes = (MultiPartParser,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if announced_bytes(request) > settings.IMPORT_MAX_BYTES + FORM_BYTES:
            # Before any of it is read, as it is to find out whether a signed-in browser sends it.
            raise starting.FileTooLarge(pointer="/file", limit=filesizeformat(settings.IMPORT_MAX_BYTES))
        super().initial(request, *args, **kwargs)

    @operation("Imports, the newest first", page_of(IMPORT))
    def get(self, request: Request) -> Response:
        found, after = paging.newest_first(reporting.history(), paging.asked(request, self.asked))
        return Response(paging.answer(request, paging.Page([as_json(one) for one in found], after)))

    @operation(
        "Import a file",
        IMPORT,
        status=202,
        body=UPLOAD,
        headers=[HEADER],
        location="Where to follow the work.",
        refuses=[409, 422, 507],
        description="The file is checked for being a table at once, its rows by a worker: poll the address in "
        "`Location` until `status` is `done`, `failed` or `cancelled`.",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        file, form = _form(request)
        one = starting.start_import(
            file,
            by=asked_by(request),
            kind=form["kind"],
            choices=starting.Choices(
                mapping=_mapping(form["mapping"]),
                mode=form["mode"],
                empty_cells=form["empty_cells"],
                is_dry_run=_truth(form["dry_run"]),
                reading=_reading(form["reading"]),
                source=form["source"],
            ),
        )
        location = request.build_absolute_uri(reverse("api-import", args=[one.public_id]))
        return Response(as_json(one), status=202, headers={"Location": location})


def _form(request: Request) -> tuple[UploadedFile, dict[str, str]]:
    """The file and the other fields, each at most once. Raises InvalidRequest with every fault."""
    # Without a body there is no form.
    sent = request.data if isinstance(request.data, QueryDict) else QueryDict()
    faults = []
    for name, values in sent.lists():
        if name != FILE and name not in FIELDS:
            known = ", ".join([FILE, *FIELDS])
            faults.append(Fault(f"/{escaped(name)}", "unknown_field", f"There is no field {name!r}. Known: {known}."))
        elif len(values) != 1:
            faults.append(Fault(f"/{name}", "repeated_field", f"Send {name} only once."))
        elif isinstance(values[0], UploadedFile) != (name == FILE):
            kind = "as a file" if name == FILE else "as text"
            faults.append(Fault(f"/{name}", "invalid", f"Send {name} {kind}."))
    if FILE not in sent:
        faults.append(Fault(f"/{FILE}", "required", "Send the file as the form's field `file`."))
    if faults:
        raise InvalidRequest(faults)
    return cast(UploadedFile, sent[FILE]), {name: sent.get(name, default) for name, default in FIELDS.items()}


def _mapping(text: str) -> dict[str, str]:
    try:
        mapping = orjson.loads(text)
    except orjson.JSONDecodeError:
        mapping = None
    if not isinstance(mapping, dict) or not all(isinstance(target, str) for target in mapping.values()):
        raise InvalidRequest.at("/mapping", "invalid", "Send a JSON object from header to attribute.")
    return mapping


def _reading(text: str) -> dict[str, Any]:
    try:
        reading = orjson.loads(text)
    except orjson.JSONDecodeError:
        reading = None
    if not isinstance(reading, dict):
        raise InvalidRequest.at("/reading", "invalid", "Send a JSON object that says how the file is written.")
    return reading


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise InvalidRequest.at("/dry_run", "invalid", "Send true or false.")
    return text == "true"


class ImportOne(ApiView):
    """One import."""

    required_scope = Scope.IMPORTS_WRITE

    @operation("One import with its progress and counts", IMPORT)
    def get(self, request: Request, public_id: str) -> Response:
        return Response(as_json(find(reporting.history(), public_id=public_id)))


class ImportRejects(ApiView):
    """The rows that were not saved."""

    required_scope = Scope.IMPORTS_WRITE
    renderer_classes = (CsvRenderer,)

    @operation(
        "The rejected rows with their lines and reasons",
        media={"text/csv": TEXT},
        description="The rows as they were in the file, so that they can be mended and imported again.",
    )
    def get(self, request: Request, public_id: str) -> StreamingHttpResponse:
        one = find(reporting.history(), public_id=public_id)
        return StreamingHttpResponse(
            csv_lines(reporting.rejects(one)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="rejected-rows-{one.public_id}.csv"'},
        )


class ImportCancel(ApiView):
    """An end before the end."""

    required_scope = Scope.IMPORTS_WRITE

    @operation(
        "Stop an import",
        IMPORT,
        status=202,
        refuses=[409],
        description="One that waits is cancelled at once, one that works at its next check; nothing half done is kept.",
    )
    def post(self, request: Request, public_id: str) -> Response:
        one = find(reporting.history(), public_id=public_id)
        read_body(request, {})
        if not (starting.discard(one) or request_cancel(one)):
            raise NotActive(state=one.get_status_display().lower())
        one.refresh_from_db()
        return Response(as_json(one), status=202)


class ImportUndo(ApiView):
    """Taking an import back."""

    required_scope = Scope.IMPORTS_WRITE

    @operation(
        "Take an import back",
        IMPORT,
        status=202,
        headers=[HEADER],
        location="Where to follow the work.",
        refuses=[409],
        description="Customers who came with it go, what it changed comes back, and what people or later imports "
        "changed afterwards stays. Poll the address in `Location` until `status` is `undone`.",
    )
    @idempotent
    def post(self, request: Request, public_id: str) -> Response:
        one = find(reporting.history(), public_id=public_id)
        read_body(request, {})
        undoing.start_undo(one, by=asked_by(request))
        location = request.build_absolute_uri(reverse("api-import", args=[one.public_id]))
        return Response(as_json(one), status=202, headers={"Location": location})
