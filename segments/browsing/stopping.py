"""Why customers who come or change are not put into segments any more, where that is so."""

from collections.abc import Sequence
from dataclasses import dataclass

from customers.attributes import columns, features
from segments.browsing.features import known_labels
from segments.kmeans.shapes import Definition
from segments.models import Run


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of customers now: the keys of features, and of what may be asked for who takes part."""

    features: frozenset[str]
    attributes: frozenset[str]


def known() -> Known:
    """A few queries; ask once for many runs."""
    every = columns()
    return Known(frozenset(column.key for column in features(every)), frozenset(column.key for column in every))


def missing_attributes(run: Run, of: Known | None = None) -> list[str]:
    """The keys of what a run divides by, or asks for who takes part, and what was removed since."""
    definition, there = Definition.from_json(run.definition), of or known()
    features = [name for name in definition.feature_names if name not in there.features]
    asked = [one.attribute for one in definition.filter if one.attribute not in there.attributes]
    return list(dict.fromkeys([*features, *asked]))


def in_words(missing: Sequence[str]) -> str:
    """Missing attributes as people read them; empty where none is missing."""
    if not missing:
        return ""
    labels = known_labels()
    return ", ".join(labels[key].label for key in missing)
