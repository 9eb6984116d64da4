"""Rows as the JSON that the API answers with, each with its shape in the API's description."""

from collections.abc import Mapping
from typing import Any

from customers import attributes
from segmentation_site.http.schema import (
    BOOLEAN,
    INTEGER,
    MOMENT,
    NUMBER,
    TEXT,
    Schema,
    list_of,
    nullable,
    one_of,
    shape,
)
from segments.api.definitions import DEFINITION
from segments.api.schedules import SCHEDULE
from segments.browsing.explanations import Explanation
from segments.browsing.features import known_labels
from segments.browsing.profiles import read_profile
from segments.browsing.segments import Card, cards
from segments.browsing.stopping import Known, missing_attributes
from segments.kmeans.drifting import DriftWord
from segments.kmeans.explaining import FitWord
from segments.kmeans.naming import Action, suggest_action
from segments.kmeans.shapes import CategoryProfile, FeatureProfile, Verdict
from segments.models import Run, Segment, Segmentation, SegmentProfile
from segments.models.run import Origin, RunState

# Any names, each with a number.
_NUMBERS: Schema = {"type": "object", "additionalProperties": NUMBER}

MOVED = shape("Moved", {"psi": NUMBER, "by_chance": NUMBER, "word": one_of([one.value for one in DriftWord])})
SEGMENTATION = shape(
    "Segmentation",
    {
        "slug": TEXT,
        "name": TEXT,
        "description": TEXT,
        "definition": DEFINITION,
        "schedule": SCHEDULE,
        "next_run_at": nullable(MOMENT),
        "published_run": nullable(TEXT),
        "published_at": nullable(MOMENT),
        "drift": nullable(
            shape(
                "Drift",
                {
                    "word": one_of([one.value for one in DriftWord]),
                    "features": {"type": "object", "additionalProperties": MOVED},
                    "mix": nullable(MOVED),
                    "far_share": NUMBER,
                    "distance_ratio": nullable(NUMBER),
                    "run": TEXT,
                    "measured_at": MOMENT,
                },
            )
        ),
        # Removed since, so that who comes or changes is no longer put into its segments.
        "missing_attributes": list_of(TEXT),
        "created_at": MOMENT,
        "updated_at": MOMENT,
    },
)


def of_segmentation(segmentation: Segmentation, known: Known | None = None) -> dict[str, Any]:
    """A segmentation with its definition and the run that readers see."""
    published = segmentation.published_run
    return {
        "slug": segmentation.slug,
        "name": segmentation.name,
        "description": segmentation.description,
        "definition": segmentation.definition,
        "schedule": segmentation.schedule,
        "next_run_at": segmentation.next_refit_at,
        "published_run": published and published.public_id,
        "published_at": published and published.published_at,
        "drift": segmentation.drift,
        "missing_attributes": missing_attributes(published, known) if published else [],
        "created_at": segmentation.created_at,
        "updated_at": segmentation.updated_at,
    }


_RUN: dict[str, Schema] = {
    "id": TEXT,
    "segmentation": TEXT,
    "status": one_of(RunState.values),
    "phase": TEXT,
    "progress_done": INTEGER,
    "progress_total": nullable(INTEGER),
    "origin": one_of(Origin.values),
    "publish": BOOLEAN,
    "seed": INTEGER,
    "k": nullable(INTEGER),
    "customers": nullable(INTEGER),
    "inertia": nullable(NUMBER),
    "silhouette": nullable(NUMBER),
    "verdict": nullable(one_of([one.value for one in Verdict])),
    "reason": TEXT,
    "warnings": list_of(TEXT),
    "seconds": nullable(NUMBER),
    "created_at": MOMENT,
    "started_at": nullable(MOMENT),
    "finished_at": nullable(MOMENT),
    "published_at": nullable(MOMENT),
    "error": nullable({"$ref": "#/components/schemas/JobError"}),
}
BRIEF_RUN = shape("BriefRun", _RUN)
_MEASURES = (
    *("inertia", "silhouette", "simplified_silhouette", "davies_bouldin", "calinski_harabasz"),
    *("stability", "prediction_strength", "smallest_share"),
)
RUN = shape(
    "Run",
    _RUN
    | {
        "definition": DEFINITION,
        "candidates": list_of(
            shape(
                "Candidate",
                {"k": INTEGER}
                | {name: nullable(NUMBER) for name in _MEASURES}
                | {"is_eligible": nullable(BOOLEAN), "seconds": NUMBER},
            )
        ),
        "segments": list_of(
            shape("RunSegment", {"id": TEXT, "name": TEXT, "size": INTEGER, "share": NUMBER, "centroid": _NUMBERS})
        ),
    },
)


def of_run_in_brief(run: Run) -> dict[str, Any]:
    """A run as lists show it: how far it is, what it found, what went wrong."""
    return {
        "id": run.public_id,
        "segmentation": run.segmentation.slug,
        "status": run.state.value,
        "phase": run.phase,
        "progress_done": run.progress_done,
        "progress_total": run.progress_total,
        "origin": run.origin,
        "publish": run.publish_when_done,
        "seed": run.seed,
        "k": run.k,
        "customers": run.customers,
        "inertia": run.inertia,
        "silhouette": run.silhouette,
        "verdict": run.verdict or None,
        "reason": run.reason,
        "warnings": run.warnings,
        "seconds": round(run.elapsed.total_seconds(), 3) if run.elapsed else None,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "published_at": run.published_at,
        "error": run.error,
    }


def of_run(run: Run) -> dict[str, Any]:
    """A run with its definition, every number of segments that it has tried so far, and the segments that it found."""
    candidates = run.candidates.order_by("k").values("k", *_MEASURES, "is_eligible", "seconds")
    return of_run_in_brief(run) | {
        "definition": run.definition,
        "candidates": list(candidates),
        "segments": [_of_card(card) for card in cards(run)],
    }


def _of_card(card: Card) -> dict[str, Any]:
    return {
        "id": card.public_id,
        "name": card.name,
        "size": card.size,
        "share": card.share,
        "centroid": card.profile.centroid,
    }


MODEL = shape(
    "Model",
    {
        "schema": INTEGER,
        "algorithm": one_of(["kmeans"]),
        "k": INTEGER,
        "features": list_of({"type": "object"}),
        "categories": list_of({"type": "object"}),
        "segments": list_of({"type": "object"}),
        "fit": {"type": "object"},
        "reference": {"type": "object"},
    },
)

_STATISTICS = ("mean", "sd", "minimum", "q1", "median", "q3", "maximum")
SEGMENT = shape(
    "Segment",
    {
        "id": TEXT,
        "segmentation": TEXT,
        "name": TEXT,
        "colour": INTEGER,
        "description": TEXT,
        "action": TEXT,
        "suggested_action": nullable(
            shape("SuggestedAction", {"action": one_of([one.value for one in Action]), "why": TEXT})
        ),
        "is_in_use": BOOLEAN,
        "run_id": nullable(TEXT),
        "size": nullable(INTEGER),
        "share": nullable(NUMBER),
        "silhouette": nullable(NUMBER),
        "stability": nullable(NUMBER),
        "centroid": nullable(_NUMBERS),
        "profile": nullable(
            {
                "type": "object",
                "additionalProperties": shape(
                    "FeatureProfile",
                    {"count": INTEGER, "missing": INTEGER}
                    | {name: nullable(NUMBER) for name in _STATISTICS}
                    | {"z": NUMBER, "eta_squared": NUMBER, "bins": list_of(INTEGER), "edges": list_of(NUMBER)},
                ),
            }
        ),
        "categories": nullable(
            {
                "type": "object",
                "additionalProperties": shape(
                    "CategoryProfile",
                    {
                        "counts": {"type": "object", "additionalProperties": INTEGER},
                        "rest": INTEGER,
                        "missing": INTEGER,
                        "cramers_v": NUMBER,
                    },
                ),
            }
        ),
    },
)


def of_segment(segment: Segment, row: SegmentProfile | None) -> dict[str, Any]:
    """A segment, and what it looks like in the run of `row`, in the features' own units."""
    profile = read_profile(row) if row else None
    suggestion = suggest_action(profile, known_labels().names) if profile else None
    return {
        "id": segment.public_id,
        "segmentation": segment.segmentation.slug,
        "name": segment.name,
        "colour": segment.colour,
        "description": segment.description,
        "action": segment.action,
        "suggested_action": {"action": suggestion.action.value, "why": suggestion.why} if suggestion else None,
        "is_in_use": row is not None and row.run_id == segment.segmentation.published_run_id,
        "run_id": row and row.run.public_id,
        "size": row and row.size,
        "share": row and row.share,
        "silhouette": profile and profile.silhouette,
        "stability": profile and profile.stability,
        "centroid": profile and profile.centroid,
        "profile": profile and {feature.name: _of_feature(feature) for feature in profile.features},
        "categories": profile and {one.name: _of_category(one) for one in profile.categories},
    }


def _of_category(category: CategoryProfile) -> dict[str, Any]:
    return {
        "counts": dict(category.counts),
        "rest": category.rest,
        "missing": category.missing,
        "cramers_v": category.cramers_v,
    }


def _of_feature(feature: FeatureProfile) -> dict[str, Any]:
    return {
        "count": feature.count,
        "missing": feature.missing,
        **{name: getattr(feature, name) for name in _STATISTICS},
        "z": feature.z,
        "eta_squared": feature.eta_squared,
        "bins": feature.bins,
        "edges": feature.edges,
    }


# Of a registered attribute.
ATTRIBUTE_VALUE: Schema = {"type": ["string", "number", "boolean", "null"]}
FIT = one_of([word.value for word in FitWord])
MEMBER: Schema = {
    "type": "object",
    "properties": {
        "external_id": TEXT,
        "segment_id": TEXT,
        "distance": NUMBER,
        "fit": FIT,
        "joined_at": nullable(MOMENT),
        "run_id": TEXT,
    },
    "required": ["external_id", "segment_id", "distance", "fit", "joined_at", "run_id"],
    # And what `fields` asks for.
    "additionalProperties": ATTRIBUTE_VALUE,
}
_TYPES: Mapping[str, Schema] = {"number": NUMBER, "date": {"type": "string", "format": "date"}}
_VALUES: dict[str, Schema] = {
    column.key: TEXT if column.key == "external_id" else nullable(_TYPES.get(column.kind, TEXT))
    for column in attributes.built_in()
}
# Registered attributes come beside these, under their keys.
_CUSTOMER = _VALUES | {"change_sequence": INTEGER, "created_at": MOMENT, "updated_at": MOMENT}
CUSTOMER = shape("Customer", _CUSTOMER, more=ATTRIBUTE_VALUE)
SEGMENT_NAME = shape("SegmentName", {"id": TEXT, "name": TEXT})
PLACE = shape(
    "Place",
    {
        "segmentation": TEXT,
        "run_id": TEXT,
        "segment": nullable(SEGMENT_NAME),
        "since": nullable(MOMENT),
        "previous_segment": nullable(SEGMENT_NAME),
        "fit": nullable(FIT),
        "distance": nullable(NUMBER),
        "runner_up": nullable(SEGMENT_NAME),
    },
)
CUSTOMER_IN_SEGMENTS = shape("CustomerInSegments", _CUSTOMER | {"segmentations": list_of(PLACE)}, more=ATTRIBUTE_VALUE)


def named(segment: Segment | None) -> dict[str, str] | None:
    """A segment by id and name."""
    return {"id": segment.public_id, "name": segment.name} if segment else None


def of_membership(segment: Segment) -> dict[str, Any]:
    """That somebody is in a segment."""
    return {
        "segmentation": segment.segmentation.slug,
        "segment_id": segment.public_id,
        "name": segment.name,
    }


def of_place(one: Explanation) -> dict[str, Any]:
    """Where a customer is in one segmentation, since when, and what the second nearest segment is."""
    return {
        "segmentation": one.segmentation.slug,
        "run_id": one.run.public_id,
        "segment": named(one.segment),
        "since": one.joined_at,
        "previous_segment": named(one.before),
        "fit": one.fit,
        "distance": one.distance,
        "runner_up": named(one.runner_up),
    }
