"""Defining segmentations, and giving segments their names, notes and actions."""

import hashlib
import json
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.text import slugify
from django.utils.translation import gettext_noop

from customers import selecting
from customers.attributes import feature_labels
from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.jobs.models import ACTIVE
from segmentation_site.jobs.problems import Problem
from segments.holding import hold
from segments.kmeans.engines.needs import UNSET
from segments.kmeans.shapes import Definition, DefinitionError, EngineChoice
from segments.models import Run, Segment, Segmentation
from segments.reading import conditions_of
from segments.storing import drop_assignments

LONGEST_NAME = 100
LONGEST_ACTION = 200
LONGEST_TEXT = 10_000
# Addresses of pages beside the segmentations' own.
RESERVED_SLUGS = frozenset({"new"})


class InvalidDefinition(Problem):
    """The definition names something that cannot be; `pointer` says where."""

    code = "invalid_definition"
    sentence = "{detail}"


class InvalidName(Problem):
    code = "invalid_name"
    sentence = gettext_noop("A name has from 1 to {longest} characters.")
    remedy = gettext_noop("Give another one.")


class TextTooLong(Problem):
    code = "too_long"
    sentence = gettext_noop("This text has more than {longest} characters.")
    remedy = gettext_noop("Shorten it.")


class ChangedMeanwhile(Problem):
    code = "changed_meanwhile"
    sentence = gettext_noop("Somebody else changed this {noun} while you were at it, so nothing was saved.")
    remedy = gettext_noop("What you typed is still here: compare it with what is saved now, and save again.")
    http_status = 409


class NameTaken(Problem):
    code = "name_taken"
    sentence = gettext_noop("There is already a {noun} called {name}.")
    remedy = gettext_noop("Give another name.")
    http_status = 409


class StillRunning(Problem):
    code = "still_running"
    sentence = gettext_noop("A run of this segmentation is under way: {run}.")
    remedy = gettext_noop("Cancel it first.")
    http_status = 409
    told = ("run",)


def read_definition(value: Any) -> Definition:
    """A definition out of JSON whose features are all known here.

    Raises InvalidDefinition, which points at the fault.
    """
    try:
        definition = Definition.from_json(value, known_features=list(feature_labels()))
        selecting.check(conditions_of(definition))
        if definition.engine is EngineChoice.SPARK and not settings.SPARK_MASTER:
            raise DefinitionError("/engine", "spark_unset", UNSET)
    except DefinitionError as error:
        raise InvalidDefinition(pointer=error.pointer, detail=error.detail) from error
    except selecting.InvalidCondition as problem:
        raise InvalidDefinition(pointer=f"/filter{problem.pointer}", detail=problem.detail) from problem
    return definition


def create_segmentation(
    *, name: str, definition: Definition, description: str = "", by: User | None = None
) -> Segmentation:
    """Save a new segmentation. Raises InvalidName, NameTaken or TextTooLong."""
    name = _name(name)
    try:
        with transaction.atomic():
            made = Segmentation.objects.create(
                name=name,
                slug=_free_slug(name),
                definition=definition.to_json(),
                description=_text(description, LONGEST_TEXT, "/description"),
                created_by=by,
            )
            audit.record(Action.SEGMENTATION_MADE, made.slug, by=by)
            return made
    except IntegrityError as error:
        raise NameTaken(noun="segmentation", name=name, pointer="/name") from error


def stamp(one: Segmentation | Segment) -> str:
    """Stands for what people can change of it: another one after any such change."""
    if isinstance(one, Segment):
        said = [one.name, one.description, one.action]
    else:
        said = [one.name, one.description, json.dumps(one.definition, sort_keys=True)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:20]


def _refuse_if_changed(one: Segmentation | Segment, seen: str | None, noun: str) -> None:
    """Raises ChangedMeanwhile; to be called in a transaction, which then holds the row."""
    if seen is not None and stamp(type(one).objects.select_for_update(no_key=True).get(pk=one.pk)) != seen:
        raise ChangedMeanwhile(noun=noun)


def change_segmentation(
    segmentation: Segmentation,
    *,
    name: str | None = None,
    definition: Definition | None = None,
    description: str | None = None,
    seen: str | None = None,
) -> Segmentation:
    """Change what is given; runs that exist keep the definition they were started with.

    `seen` is the `stamp` of what somebody had before their eyes: raises ChangedMeanwhile when it is not that any more.
    Raises as `create_segmentation`.
    """
    if name is not None:
        segmentation.name = _name(name)
    if definition is not None:
        segmentation.definition = definition.to_json()
    if description is not None:
        segmentation.description = _text(description, LONGEST_TEXT, "/description")
    try:
        with transaction.atomic():
            hold(segmentation.pk)
            _refuse_if_changed(segmentation, seen, "segmentation")
            segmentation.save(update_fields=["name", "definition", "description", "updated_at"])
            audit.record(Action.SEGMENTATION_CHANGED, segmentation.slug)
    except IntegrityError as error:
        raise NameTaken(noun="segmentation", name=segmentation.name, pointer="/name") from error
    return segmentation


def delete_segmentation(segmentation: Segmentation) -> None:
    """Delete a segmentation with its runs, segments and assignments. Raises StillRunning while a run works."""
    with transaction.atomic():
        locked = hold(segmentation.pk, no_key=False)
        runs = list(Run.objects.filter(segmentation=locked).only("public_id", "status"))
        for run in runs:
            if run.status in ACTIVE:
                raise StillRunning(run=run.public_id)
        locked.published_run = None
        locked.save(update_fields=["published_run"])
        for run in runs:
            drop_assignments(run)
        locked.delete()
        audit.record(Action.SEGMENTATION_DELETED, segmentation.slug)


def edit_segment(
    segment: Segment,
    *,
    name: str | None = None,
    colour: int | None = None,
    description: str | None = None,
    action: str | None = None,
    seen: str | None = None,
) -> Segment:
    """Name a segment, note something about it, or say what to do with it; bound to its id, so refits keep it.

    Names are unique among the living segments of a segmentation. Raises InvalidName, NameTaken or TextTooLong; and
    ChangedMeanwhile when `seen`, the `stamp` of what somebody had before their eyes, is not that of what there is.
    """
    if name is not None and (name := _name(name)) != segment.name:
        others = Segment.objects.filter(segmentation=segment.segmentation_id, ended_run=None).exclude(pk=segment.pk)
        published = segment.segmentation.published_run_id
        if others.filter(profiles__run=published, name__iexact=name).exists():
            raise NameTaken(noun="segment", name=name, pointer="/name")
        segment.name, segment.is_name_suggested = name, False
    if description is not None:
        segment.description = _text(description, LONGEST_TEXT, "/description")
    if action is not None:
        segment.action = _text(action, LONGEST_ACTION, "/action")
    if colour is not None:
        segment.colour = colour
    given = {"name": name, "description": description, "action": action, "colour": colour}
    with transaction.atomic():
        _refuse_if_changed(segment, seen, "segment")
        segment.save(update_fields=["name", "is_name_suggested", "description", "action", "colour"])
        changed = [key for key, value in given.items() if value is not None]
        audit.record(Action.SEGMENT_CHANGED, segment.public_id, changed=changed)
    return segment


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_NAME or "\0" in name:
        raise InvalidName(longest=LONGEST_NAME, pointer="/name")
    return name


def _text(text: str, longest: int, pointer: str) -> str:
    text = text.replace("\0", "").strip()
    if len(text) > longest:
        raise TextTooLong(longest=longest, pointer=pointer)
    return text


def _free_slug(name: str) -> str:
    wanted = slugify(name)[:100] or "segmentation"
    taken = RESERVED_SLUGS.union(Segmentation.objects.filter(slug__startswith=wanted).values_list("slug", flat=True))
    if wanted not in taken:
        return wanted
    return next(slug for number in range(2, len(taken) + 3) if (slug := f"{wanted}-{number}") not in taken)
