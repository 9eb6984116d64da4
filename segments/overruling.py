"""A person's word on which of the segments in use a draft's groups go on as."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils.translation import gettext_noop
from psycopg import sql

from customers.attributes import feature_labels
from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.jobs.problems import Problem
from segments import publishing
from segments.browsing.moves import count_moves
from segments.charts import PALETTE
from segments.holding import hold
from segments.kmeans.matches import CannotOverrule, Match, Matching, overrule
from segments.kmeans.naming import suggest_names
from segments.kmeans.shapes import Profile
from segments.models import Assignment, Run, Segment, SegmentProfile


class NotADraft(Problem):
    code = "not_a_draft"
    sentence = gettext_noop("Run {run} has been used, so its segments are what they are.")
    remedy = gettext_noop("Start a new run and decide about that one.")
    http_status = 409


class NothingToMatch(Problem):
    code = "nothing_to_match"
    sentence = gettext_noop("When this run was made no segments were in use: all of its segments are new.")
    http_status = 409


class InvalidDecision(Problem):
    code = "invalid_decision"
    sentence = "{detail}"


@dataclass(frozen=True, slots=True)
class Decided:
    """A group of a draft: the segment that it is now, and what is known of where it comes from."""

    segment: Segment
    match: Match


def decided(run: Run) -> list[Decided]:
    """The groups of a run with what was found, or decided, of each; empty where there was nothing to match with."""
    if run.baseline_id is None or "groups" not in run.matching or run.model is None:
        return []
    segments = {one.public_id: one for one in Segment.objects.filter(profiles__run=run)}
    groups = Matching.from_json(run.matching).groups
    return [Decided(segments[run.model["segments"][one.group]["segment_id"]], one) for one in groups]


def known_before(run: Run) -> list[Segment]:
    """The segments that groups of this run can go on as: those of the run that it was matched with."""
    found = SegmentProfile.objects.filter(run=run.baseline_id, segment__isnull=False).select_related("segment")
    return [profile.segment for profile in found.only("segment", "size").order_by("-size") if profile.segment]


def decide(run: Run, decisions: Mapping[str, str | None], *, by: User | None) -> Run:
    """Let groups of a draft go on as other segments than was found; returns the run as it is then.

    decisions  id that a group's segment has in the draft → id of the segment in use that it goes on as, None for a
               new one

    Who is in which group stays, and nothing changes for readers. Raises NotADraft, NothingToMatch, InvalidDecision, or
    what stands in the way of publishing the run.
    """
    with transaction.atomic():
        segmentation = hold(run.segmentation_id)
        run = Run.objects.get(pk=run.pk)
        run.segmentation = segmentation
        if run.published_at is not None:
            raise NotADraft(run=run.public_id)
        if problem := publishing.obstacle(run):
            raise problem
        groups = decided(run)
        if not groups:
            raise NothingToMatch
        matching = _overruled(run, groups, decisions)
        replaced = _replaced(run, groups, matching)
        if replaced:
            _place(run, replaced)
        ids = {one.segment.public_id: one.segment.public_id for one in groups} | {
            old.public_id: new.public_id for old, new in replaced.items()
        }
        model = run.model or {}
        for segment in model["segments"]:
            segment["segment_id"] = ids[segment["segment_id"]]
        run.matching = matching.to_json() | {"moves": count_moves(run.baseline_id, run.pk)}
        run.save(update_fields=["model", "matching"])
        Segment.objects.filter(born_run=run).exclude(profiles__run=run).delete()
        audit.record(Action.MATCH_OVERRULED, run.public_id, by=by, decisions=dict(decisions))
    return run


def _overruled(run: Run, groups: list[Decided], decisions: Mapping[str, str | None]) -> Matching:
    numbers = {one.segment.public_id: one.match.group for one in groups}
    for segment_id in decisions:
        if segment_id not in numbers:
            raise InvalidDecision(
                pointer=f"/segments/{segment_id}",
                detail=gettext_noop("This run has no segment {segment_id}. It has: {known}.").format(
                    segment_id=segment_id, known=", ".join(sorted(numbers))
                ),
            )
    labels = {segment.public_id: segment.name for segment in known_before(run)}
    try:
        return overrule(
            Matching.from_json(run.matching),
            {numbers[segment_id]: wanted for segment_id, wanted in decisions.items()},
            labels=labels,
        )
    except CannotOverrule as error:
        raise InvalidDecision(pointer="/segments", detail=str(error)) from error


def _replaced(run: Run, groups: list[Decided], matching: Matching) -> dict[Segment, Segment]:
    """The segments of the draft that become others."""
    before = {segment.public_id: segment for segment in known_before(run)}
    now = {one.match.group: one for one in groups}
    replaced = {}
    for match in matching.groups:
        was = now[match.group]
        if match.keeps == was.match.keeps:
            continue
        replaced[was.segment] = before[match.keeps] if match.keeps else None
    taken = [one.segment for one in groups if one.segment not in replaced] + [new for new in replaced.values() if new]
    return {old: new or _born(run, old, taken) for old, new in replaced.items()}


def _born(run: Run, like: Segment, taken: list[Segment]) -> Segment:
    """A new segment for the group that was `like`, with a name from the data and a colour that is free."""
    profile = Profile.from_json(SegmentProfile.objects.get(run=run, segment=like).content)
    labels = {key: label.label for key, label in feature_labels().items()}
    [name] = suggest_names([profile], labels, taken=[segment.name for segment in taken])
    used = {segment.colour for segment in taken}
    colour = next((free for free in range(PALETTE) if free not in used), len(taken) % PALETTE)
    born = Segment.objects.create(segmentation=run.segmentation, name=name, colour=colour, born_run=run)
    taken.append(born)
    return born


def _place(run: Run, replaced: Mapping[Segment, Segment]) -> None:
    """Rename the segments in what the run has stored; who was in the new one before has been in it since then."""
    pairs = sql.SQL(", ").join(
        sql.SQL("({}::bigint, {}::bigint)").format(sql.Literal(old.pk), sql.Literal(new.pk))
        for old, new in replaced.items()
    )
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                """
                WITH replaced (old, new) AS (VALUES {pairs})
                UPDATE {assignments} AS place SET
                    segment_id = coalesce(own.new, place.segment_id),
                    runner_up_id = coalesce(next.new, place.runner_up_id),
                    joined_run_id = CASE WHEN own.new IS NULL THEN place.joined_run_id
                        WHEN was.segment_id = own.new THEN was.joined_run_id ELSE {run} END
                FROM {assignments} AS one
                LEFT JOIN replaced AS own ON own.old = one.segment_id
                LEFT JOIN replaced AS next ON next.old = one.runner_up_id
                LEFT JOIN {assignments} AS was ON was.run_id = {before} AND was.customer_id = one.customer_id
                WHERE one.run_id = {run} AND place.run_id = {run} AND place.customer_id = one.customer_id
                    AND (own.new IS NOT NULL OR next.new IS NOT NULL)
                """
            ).format(
                pairs=pairs,
                assignments=sql.Identifier(Assignment._meta.db_table),
                run=sql.Literal(run.pk),
                before=sql.Literal(run.baseline_id or 0),
            )
        )
    profiles = list(SegmentProfile.objects.filter(run=run, segment__in=replaced))
    SegmentProfile.objects.filter(pk__in=[profile.pk for profile in profiles]).delete()
    news = {old.pk: new for old, new in replaced.items()}
    for profile in profiles:
        profile.pk, profile.segment = None, news[profile.segment_id or 0]
    SegmentProfile.objects.bulk_create(profiles)
