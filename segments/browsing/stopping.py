"""Why customers who come or change are not put into segments any more, where that is so."""

from collections.abc import Sequence

from customers.attributes import columns, feature_labels
from segments.browsing.features import known_labels
from segments.kmeans.shapes import Definition
from segments.models import Run


def missing_attributes(run: Run) -> list[str]:
    """The keys of what a run divides by, or asks for who takes part, and what was removed since."""
    definition = Definition.from_json(run.definition)
    features, known = feature_labels(), {column.key for column in columns()}
    asked = [condition.attribute for condition in definition.filter if condition.attribute not in known]
    return list(dict.fromkeys([*(name for name in definition.feature_names if name not in features), *asked]))


def in_words(missing: Sequence[str]) -> str:
    """Missing attributes as people read them."""
    labels = known_labels()
    return ", ".join(labels[key].label for key in missing)
