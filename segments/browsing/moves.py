"""Who is where in two runs of one segmentation: what publishing would move, and how much two runs agree.

Counted by the database in one pass over both runs' partitions. A run keeps the counts against the run that it was
matched with, so that its page costs the same for any number of customers.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from psycopg import sql

from segmentation_site.jobs.models import JobStatus
from segmentation_site.language.saying import spelled
from segments.browsing import words
from segments.models import Assignment, Run, Segment, SegmentProfile

# The share of a segment that makes it go on in another, and that makes a part of it: as matching has them.
SURVIVES, PART = 0.7, 0.3
MOST_NAMED = 3
STRONGEST_TINT = 62
MOST_RUNS = 30

# Primary key of a segment before, of one after (None: in none), and how many customers that is.
Count = tuple[int | None, int | None, int]
Table = Mapping[tuple[int | None, int | None], int]
Segments = Mapping[int, Segment]


@dataclass(frozen=True, slots=True)
class Flow:
    """How many customers of one segment are in another; `share` is the part of the first, from 0 to 1."""

    count: int
    share: float
    stays: bool

    @property
    def tint(self) -> int:
        """How strongly the cell is shaded, in percent."""
        return round(self.share * STRONGEST_TINT)

    @property
    def share_words(self) -> str:
        """The share in words."""
        return words.percent(self.share)


@dataclass(frozen=True, slots=True)
class Row:
    """A segment before (None: in none then) and where its customers are after."""

    segment: Segment | None
    flows: list[Flow]
    total: int


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a segment, or where one comes from; `kind` is matched, split, merged, born or ended."""

    kind: str
    segment: Segment
    sentence: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs beside each other.

    columns         the segments after; None for customers who are in none of them
    agreement       of those who are in both, the share who are in the same segment, 0 to 1; None when nobody is
    rand            the adjusted Rand index of those who are in both (Hubert and Arabie 1985): 1 for the same
    division, about 0 for two that have nothing to do with each other; None when nobody is in both
    """

    rows: list[Row]
    columns: list[Segment | None]
    stayed: int
    moved: int
    joined: int
    left: int
    agreement: float | None
    rand: float | None
    changes: list[Change]
    finding: str
    biggest: list[str]

    @property
    def rand_words(self) -> str:
        return words.NOTHING if self.rand is None else spelled(f"{self.rand:.2f}")


def comparable(run: Run) -> QuerySet[Run]:
    """The runs that this one can be compared with, the newest first."""
    return (
        Run.objects.filter(segmentation=run.segmentation_id, status=JobStatus.DONE, pruned_at=None)
        .exclude(pk=run.pk)
        .defer("definition", "params", "measures", "model", "matching", "warnings")
        .order_by("-pk")
    )


def count_moves(before: int | None, after: int) -> list[Count]:
    """How many customers are where in the runs with these keys."""
    statement = sql.SQL(
        """
        SELECT was.segment_id, is_now.segment_id, count(*)
        FROM (SELECT customer_id, segment_id FROM {assignments} WHERE run_id = {before}) AS was
        FULL JOIN (SELECT customer_id, segment_id FROM {assignments} WHERE run_id = {after}) AS is_now
            USING (customer_id)
        GROUP BY 1, 2
        """
    ).format(
        assignments=sql.Identifier(Assignment._meta.db_table), before=sql.Literal(before or 0), after=sql.Literal(after)
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [(was, is_now, int(count)) for was, is_now, count in cursor.fetchall()]


def moves_of(run: Run) -> Comparison | None:
    """What using this run moves, or moved, against the run that it was matched with; None when there was none."""
    counts = (run.matching or {}).get("moves")
    if not counts or run.baseline_id is None:
        return None
    return _comparison(run.baseline_id, run.pk, [(was, is_now, count) for was, is_now, count in counts])


def compare(before: Run, after: Run) -> Comparison:
    """`after` beside `before`; both are done runs of one segmentation whose assignments are kept."""
    return _comparison(before.pk, after.pk, count_moves(before.pk, after.pk))


def _comparison(before: int, after: int, counts: Sequence[Count]) -> Comparison:
    rows, columns = _segments_of(before, after)
    table = {(was, is_now): count for was, is_now, count in counts}
    down: list[Segment | None] = [*rows, *([None] if any(was is None for was, _ in table) else [])]
    across: list[Segment | None] = [*columns, *([None] if any(is_now is None for _, is_now in table) else [])]
    both = {pair: count for pair, count in table.items() if None not in pair}
    in_both = sum(both.values())
    stayed = sum(count for (was, is_now), count in both.items() if was == is_now)
    joined = sum(count for (was, _now), count in table.items() if was is None)
    left = sum(count for (_was, is_now), count in table.items() if is_now is None)
    changes = _changes(rows, columns, both)
    return Comparison(
        rows=[_row(segment, across, table) for segment in down],
        columns=across,
        stayed=stayed,
        moved=in_both - stayed,
        joined=joined,
        left=left,
        agreement=stayed / in_both if in_both else None,
        rand=adjusted_rand(both),
        changes=changes,
        finding=_finding(in_both - stayed, in_both, joined, left),
        biggest=_biggest(rows, columns, both),
    )


def _segments_of(*runs: int) -> tuple[list[Segment], ...]:
    """The segments of each run, the largest first."""
    profiles = SegmentProfile.objects.filter(run__in=runs, segment__isnull=False).select_related("segment")
    found: dict[int, list[Segment]] = {run: [] for run in runs}
    for profile in profiles.defer("content", "share").order_by("-size"):
        if profile.segment:
            found[profile.run_id].append(profile.segment)
    return tuple(found[run] for run in runs)


def _row(segment: Segment | None, across: Sequence[Segment | None], table: Table) -> Row:
    key = segment.pk if segment else None
    counts = [table.get((key, column.pk if column else None), 0) for column in across]
    total = sum(counts)
    return Row(
        segment=segment,
        flows=[
            Flow(count, count / total if total else 0.0, stays=segment is not None and segment == column)
            for count, column in zip(counts, across, strict=True)
        ],
        total=total,
    )


def adjusted_rand(table: Table) -> float | None:
    """Of a contingency table; None without customers."""
    total = sum(table.values())
    if not total:
        return None
    down: Counter[int | None] = Counter()
    across: Counter[int | None] = Counter()
    for (was, is_now), count in table.items():
        down[was] += count
        across[is_now] += count
    together = sum(comb(count, 2) for count in table.values())
    ours, theirs = (sum(comb(count, 2) for count in side.values()) for side in (down, across))
    expected = ours * theirs / comb(total, 2) if total > 1 else 0.0
    most = (ours + theirs) / 2
    return 1.0 if most == expected else (together - expected) / (most - expected)


def _changes(rows: Sequence[Segment], columns: Sequence[Segment], both: Table) -> list[Change]:
    """What became of each segment, by where its customers are."""
    before, after = {one.pk: one for one in rows}, {one.pk: one for one in columns}
    sizes = Counter({key: sum(count for (was, _now), count in both.items() if was == key) for key in before})
    share = {
        (was, is_now): count / sizes[was]
        for (was, is_now), count in both.items()
        if was in before and is_now in after and sizes[was]
    }
    found = [_of_one_after(segment, before, after, share) for segment in columns]
    return found + [_of_one_gone(segment, after, share) for segment in rows if segment.pk not in after]


def _of_one_after(
    segment: Segment, before: Segments, after: Segments, share: Mapping[tuple[int, int], float]
) -> Change:
    key = segment.pk
    if key not in before:
        part, was = max(((part, was) for (was, is_now), part in share.items() if is_now == key), default=(0.0, 0))
        if part < PART:
            return Change("born", segment, _("none of the segments before goes on in it"))
        return Change(
            "split",
            segment,
            _("{share} of “{name}” are here").format(share=words.percent(part), name=before[was].name),
        )
    joined = [was for (was, is_now), part in share.items() if is_now == key and was != key and part >= SURVIVES]
    if joined:
        names = ", ".join(f"“{before[was].name}”" for was in joined)
        return Change("merged", segment, _("{names} came into it").format(names=names))
    if any(was == key and is_now not in before and part >= PART for (was, is_now), part in share.items()):
        return Change("split", segment, _("a part of it is a segment of its own now"))
    kept = words.percent(share.get((key, key), 0.0))
    return Change("matched", segment, _("{share} of its customers stayed").format(share=kept))


def _of_one_gone(segment: Segment, after: Segments, share: Mapping[tuple[int, int], float]) -> Change:
    part, is_now = max(((part, now) for (was, now), part in share.items() if was == segment.pk), default=(0.0, 0))
    if part < SURVIVES:
        return Change("ended", segment, _("its customers went different ways"))
    return Change(
        "merged",
        segment,
        _("{share} of it are in “{name}”").format(share=words.percent(part), name=after[is_now].name),
    )


def _finding(moved: int, in_both: int, joined: int, left: int) -> str:
    if not in_both:
        return _("Nobody is in both runs.")
    if not moved:
        sentence = _("Nobody moves to another segment")
    else:
        sentence = _("{moved} customers ({share}) move to another segment").format(
            moved=spelled(f"{moved:,}"), share=words.percent(moved / in_both)
        )
    return _("{sentence}; {joined} come in and {left} go out.").format(
        sentence=sentence, joined=spelled(f"{joined:,}"), left=spelled(f"{left:,}")
    )


def _biggest(rows: Sequence[Segment], columns: Sequence[Segment], both: Table) -> list[str]:
    names = {one.pk: one.name for one in (*rows, *columns)}
    moves = sorted(((count, was, is_now) for (was, is_now), count in both.items() if was != is_now), reverse=True)
    return [
        _("{count} from “{was}” to “{is_now}”").format(
            count=spelled(f"{count:,}"), was=names[was], is_now=names[is_now]
        )
        for count, was, is_now in moves[:MOST_NAMED]
        if was in names and is_now in names
    ]
