"""Profiles as they are stored: no more of each than a page shows, read fast."""

from collections.abc import Iterable
from json import JSONDecoder
from typing import Any

import orjson
from django.db.models import F, JSONField, QuerySet, TextField, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Cast

from segments.kmeans.shapes import Profile
from segments.models import SegmentProfile


class QuickDecoder(JSONDecoder):
    """Reads what the database stores three times as fast as Python's own."""

    def decode(self, s: str, *_args: Any) -> Any:
        return orjson.loads(s)


def stored(rows: QuerySet[SegmentProfile], *, with_sample: bool = False) -> QuerySet[SegmentProfile]:
    """Rows for `read_profile`, the largest first; the points for maps only when they are wanted."""
    quick = JSONField(decoder=QuickDecoder)
    without = CombinedExpression(F("content"), "-", Cast(Value("sample"), TextField()), output_field=quick)
    told = rows.defer("content").annotate(stored=Cast("content", quick) if with_sample else without)
    return told.select_related("segment").order_by("-size", "segment_id")


def profiles(runs: Iterable[int]) -> QuerySet[SegmentProfile]:
    """The stored profiles of these runs' segments, the largest first, without the points for maps."""
    return stored(SegmentProfile.objects.filter(run_id__in=list(runs), segment__isnull=False))


def with_everybody(run: int, *, with_sample: bool = False) -> tuple[Profile, list[SegmentProfile]]:
    """The profile of all customers of a run, and the rows of its segments, the largest first, in one query."""
    rows = list(stored(SegmentProfile.objects.filter(run=run), with_sample=with_sample))
    everybody = next(row for row in rows if row.segment_id is None)
    return read_profile(everybody), [row for row in rows if row is not everybody]


def read_profile(row: SegmentProfile) -> Profile:
    """The profile of a row of `stored`."""
    return Profile.from_json({"sample": ()} | row.stored)  # type: ignore[attr-defined]
