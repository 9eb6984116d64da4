"""Exports: members as files."""

from typing import Any

from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.http import FileResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from segmentation_site.access.bodies import LIST, TEXT, TRUTH, read_body
from segmentation_site.access.scopes import Scope
from segmentation_site.access.views import ApiView, asked_by
from segmentation_site.http import paging
from segmentation_site.http.finding import find
from segmentation_site.http.idempotency import HEADER, idempotent
from segmentation_site.http.problems import Fault, InvalidRequest, NotFound
from segmentation_site.http.schema import (
    BOOLEAN,
    INTEGER,
    MOMENT,
    NUMBER,
    list_of,
    nullable,
    one_of,
    operation,
    page_of,
    shape,
)
from segmentation_site.http.schema import TEXT as SOME_TEXT
from segmentation_site.jobs.models import JobStatus
from segments import exporting
from segments.api.segmentations import find_segmentation
from segments.api.segments import find_segment
from segments.models import Export, FileFormat, Hashing, Segment, Segmentation

CONTENT_TYPES = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.NDJSON: "application/x-ndjson",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    FileFormat.PARQUET: "application/vnd.apache.parquet",
}
EXPORT = shape(
    "Export",
    {
        "id": SOME_TEXT,
        "status": one_of(JobStatus.values),
        "segmentation": nullable(SOME_TEXT),
        "segment_id": nullable(SOME_TEXT),
        "run_id": nullable(SOME_TEXT),
        "format": one_of(FileFormat.values),
        "hashed": nullable(one_of([one for one in Hashing.values if one != Hashing.NONE])),
        "columns": list_of(SOME_TEXT),
        "contactable_only": BOOLEAN,
        "phase": SOME_TEXT,
        "progress_done": INTEGER,
        "progress_total": nullable(INTEGER),
        "rows": nullable(INTEGER),
        "left_out": nullable(INTEGER),
        "size": nullable(INTEGER),
        "file": nullable(SOME_TEXT),
        "expires_at": nullable(MOMENT),
        "seconds": nullable(NUMBER),
        "created_at": MOMENT,
        "finished_at": nullable(MOMENT),
        "error": nullable({"$ref": "#/components/schemas/JobError"}),
    },
)
FIELDS = {
    "segmentation": TEXT,
    "segment": TEXT,
    "format": TEXT,
    "hashed": TEXT,
    "columns": LIST,
    "contactable_only": TRUTH,
}
NEW_EXPORT = shape(
    "NewExport",
    {
        "segmentation": SOME_TEXT,
        "segment": SOME_TEXT,
        "format": one_of(FileFormat.values),
        "hashed": one_of(Hashing.values),
        "columns": list_of(SOME_TEXT),
        "contactable_only": BOOLEAN,
    },
    optional=list(FIELDS),
)


def as_json(request: Request, export: Export) -> dict[str, Any]:
    """An export: how far it is, what is in its file, and where to fetch it."""
    file = reverse("api-export-file", args=[export.public_id], request=request) if export.is_to_be_had else None
    return {
        "id": export.public_id,
        "status": export.status,
        "segmentation": export.segmentation.slug if export.segmentation else None,
        "segment_id": export.segment.public_id if export.segment else None,
        "run_id": export.run.public_id if export.run else None,
        "format": export.format,
        "hashed": None if export.hashed == Hashing.NONE else export.hashed,
        "columns": export.columns,
        "contactable_only": export.contactable_only,
        "phase": export.phase,
        "progress_done": export.progress_done,
        "progress_total": export.progress_total,
        "rows": export.rows,
        "left_out": export.left_out,
        "size": export.size,
        "file": file,
        "expires_at": export.expires_at,
        "seconds": round(export.elapsed.total_seconds(), 3) if export.elapsed else None,
        "created_at": export.created_at,
        "finished_at": export.finished_at,
        "error": export.error,
    }


def _exports() -> QuerySet[Export]:
    return Export.objects.select_related("segmentation", "segment").prefetch_related("run")


def _chosen(body: dict[str, Any], name: str, choices: list[str], usual: str) -> str:
    value: str = body.get(name, usual)
    if value not in choices:
        raise InvalidRequest.at(f"/{name}", "invalid_choice", f"{value!r} is none of: {', '.join(choices)}.")
    return value


def _whose(body: dict[str, Any]) -> tuple[Segmentation, Segment | None]:
    try:
        if "segment" in body:
            segment = find_segment(body["segment"])
            return segment.segmentation, segment
        return find_segmentation(body["segmentation"]), None
    except NotFound:
        name = "segment" if "segment" in body else "segmentation"
        raise InvalidRequest.at(f"/{name}", f"unknown_{name}", f"There is no {name} {body[name]!r}.") from None


class Exports(ApiView):
    """All exports, and a new one."""

    required_scope = Scope.EXPORTS_WRITE
    query = {"GET": paging.PAGING}

    @operation("Exports, the newest first", page_of(EXPORT))
    def get(self, request: Request) -> Response:
        found, after = paging.newest_first(_exports(), paging.asked(request, self.asked))
        return Response(paging.answer(request, paging.Page([as_json(request, one) for one in found], after)))

    @operation(
        "Export members as a file",
        EXPORT,
        status=202,
        body=NEW_EXPORT,
        headers=[HEADER],
        location="Where to follow the work.",
        refuses=[409, 422],
        description="Of one `segment`, or of a whole `segmentation`, as it is in use now. Poll the address "
        "in `Location` until `file` says where to fetch it. Only customers who agreed to be contacted, unless "
        "`contactable_only` is false. `hashed` makes the file that an advertising platform takes: normalised as it "
        "asks for, SHA-256, and only of customers whom it could know.",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        body = read_body(request, FIELDS)
        if ("segment" in body) == ("segmentation" in body):
            raise InvalidRequest.at("/segment", "required", "Give either the id of a segment or a segmentation's slug.")
        columns = body.get("columns", [])
        faults = [
            Fault(f"/columns/{place}", "invalid_type", "A column is the key of an attribute.")
            for place, column in enumerate(columns)
            if not isinstance(column, str)
        ]
        if faults:
            raise InvalidRequest(faults)
        segmentation, segment = _whose(body)
        export = exporting.start_export(
            segmentation,
            segment,
            by=asked_by(request),
            format=_chosen(body, "format", FileFormat.values, FileFormat.CSV),
            hashed=_chosen(body, "hashed", Hashing.values, Hashing.NONE),
            columns=columns,
            contactable_only=body.get("contactable_only", True),
        )
        location = reverse("api-export", args=[export.public_id], request=request)
        found = _exports().get(pk=export.pk)
        return Response(as_json(request, found), status=202, headers={"Location": location})


class ExportOne(ApiView):
    """One export."""

    required_scope = Scope.EXPORTS_WRITE

    @operation("One export: its progress, what is in it, where its file is", EXPORT)
    def get(self, request: Request, public_id: str) -> Response:
        return Response(as_json(request, find(_exports(), public_id=public_id)))


class ExportFile(ApiView):
    """The file of an export."""

    required_scope = Scope.EXPORTS_WRITE

    @operation(
        "The file of an export",
        media={content.partition(";")[0]: SOME_TEXT for content in CONTENT_TYPES.values()},
        refuses=[409, 410],
        description="Kept for some days (`expires_at`). 410 once it is gone, or when somebody was erased since.",
    )
    def get(self, request: Request, public_id: str) -> FileResponse:
        return file_response(find(_exports(), public_id=public_id), request)


def file_response(export: Export, request: Request) -> FileResponse:
    """The file as a download. Raises NotReady or FileGone."""
    name = exporting.fetch(export, by=asked_by(request))
    return FileResponse(
        default_storage.open(name),
        as_attachment=True,
        filename=export.file_name,
        content_type=CONTENT_TYPES[FileFormat(export.format)],
    )
