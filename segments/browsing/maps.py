"""Customers of a run on two features of choice, or on the directions in which they differ most."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from django.utils.translation import gettext as _

from segmentation_site.language.saying import spelled
from segments.browsing.features import Labels
from segments.browsing.segments import Card
from segments.charts import Chart, Series, scatter
from segments.kmeans.model import Model, ModelMismatch, apply_model
from segments.kmeans.projecting import Directions, principal
from segments.kmeans.shapes import FloatMatrix, Profile
from segments.models import Run

# No key of an attribute begins like that.
FIRST, SECOND = "~1", "~2"
# Features named of a direction, and the least part that is worth it.
MOST_NAMED, LEAST_PART = 3, 0.2


@dataclass(frozen=True, slots=True)
class Map:
    """What a map of a run can show.

    choices    key and label of each axis
    told       what the directions are made of, in a sentence; "" where there are none
    projected  the series with the directions as features; made only for who looks at them, which few do
    """

    choices: list[tuple[str, str]]
    series: Sequence[Series]
    labels: Mapping[str, str]
    told: str = ""
    projected: Callable[[], Sequence[Series]] | None = None

    def chart(self, x: str, y: str) -> Chart:
        """The stored sample of customers on two axes."""
        series = self.projected() if self.projected and {x, y} & {FIRST, SECOND} else self.series
        return scatter(series, x, y, self.labels)

    def is_told(self, x: str, y: str) -> bool:
        """Whether these axes need `told`."""
        return bool(self.told) and bool({x, y} & {FIRST, SECOND})


def read_map(run: Run, found: Sequence[Card], labels: Labels) -> Map:
    """The map of a done run out of its cards with samples; with fewer than two choices there is nothing to show."""
    model = Model.from_json(run.model or {})
    names = [spec.name for spec in model.features]
    choices = [(name, labels[name].label) for name in names]
    plain = Map(choices, [card.series for card in found], labels.with_units)
    try:
        prepared = _prepared(model, found)
    except (ModelMismatch, KeyError):
        return plain
    if len(names) < 2 or not sum(len(rows) for rows in prepared):
        return plain
    return _with_directions(plain, model, found, prepared, labels)


def _prepared(model: Model, found: Sequence[Card]) -> list[FloatMatrix]:
    """The sample of each card in the space of the model's numbers: (n, p)."""
    numbers = replace(model, categories=())
    matrices = []
    for card in found:
        order = [feature.name for feature in card.profile.features]
        columns = [order.index(spec.name) for spec in model.features] if card.profile.sample else []
        raw = np.array(card.profile.sample, dtype=np.float64).reshape(len(card.profile.sample), -1)
        matrices.append(
            apply_model(numbers, numbers.names, raw[:, columns]) if columns else np.empty((0, len(model.features)))
        )
    return matrices


def _with_directions(
    plain: Map, model: Model, found: Sequence[Card], prepared: Sequence[FloatMatrix], labels: Labels
) -> Map:
    """The same map with two axes more. Each point of the sample stands for as many customers of its segment."""
    weights = np.concatenate(
        [np.full(len(rows), card.size / max(len(rows), 1)) for card, rows in zip(found, prepared, strict=True)]
    )
    directions = principal(np.concatenate(prepared), weights)
    centroids = {one.segment_id: np.array(one.centroid[: len(model.features)]) for one in model.segments}

    def projected() -> list[Series]:
        return [
            Series(card.name, card.colour, _projected(card.profile, rows, centroids[card.public_id], directions))
            for card, rows in zip(found, prepared, strict=True)
        ]

    shares = [_("{share} of the variance").format(share=spelled(f"{share:.0%}")) for share in directions.shares]
    named = {
        key: _("Main direction {number} ({share})").format(number=number, share=share)
        for number, (key, share) in enumerate(zip((FIRST, SECOND), shares, strict=True), 1)
    }
    labelled, told = dict(plain.labels) | named, _told(directions, model, labels)
    return Map([*plain.choices, *named.items()], plain.series, labelled, told, projected)


def _projected(profile: Profile, rows: FloatMatrix, centroid: np.ndarray, directions: Directions) -> Profile:
    """The profile as if the directions were features of it, as far as a map asks."""
    keys = (FIRST, SECOND)
    points = directions.project(rows).round(3).tolist()
    middle = directions.project(centroid[None, :])[0].round(3).tolist()
    return replace(
        profile,
        features=(*profile.features, *(replace(profile.features[0], name=key) for key in keys)),
        sample=tuple((*point, *more) for point, more in zip(profile.sample, points, strict=True)),
        centroid={**profile.centroid, **dict(zip(keys, middle, strict=True))},
    )


def _told(directions: Directions, model: Model, labels: Labels) -> str:
    together = _("Together the two main directions (principal components) show {share} of how customers differ.")
    sentences = [together.format(share=spelled(f"{float(directions.shares.sum()):.0%}"))]
    for number, axis in enumerate(directions.axes, 1):
        parts = [
            f"{labels[model.features[place].name].label} {axis[place]:+.2f}".replace("-", "\u2212")
            for place in np.argsort(-np.abs(axis))[:MOST_NAMED]
            if abs(axis[place]) >= LEAST_PART
        ]
        sentences.append(_("Direction {number}: {parts}.").format(number=number, parts=", ".join(parts)))
    return " ".join(sentences)
