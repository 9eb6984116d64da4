"""What a sample of customers says of features before anything is computed: how each is distributed, and which of them
say the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from django.core.cache import cache
from django.db import connection
from django.utils.translation import gettext as _

from customers.columns import last_change, read_columns, some_ids
from segments.kmeans.shapes import FloatMatrix, FloatVector
from segments.kmeans.warning import LARGELY_THE_SAME, NEAR_DUPLICATE, skewness

# So many tell a tail from none and a correlation from chance, and are read in some milliseconds of any number.
SAMPLE = 4_000
FEWEST = 20
BINS = 12
REMEMBER_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Spread:
    """One feature in the sample: the share of missing values, its skewness, how many of those known are in each of
    equal intervals, and the outer edges of these. Of hardly anybody known, it has no intervals."""

    missing: float
    skewness: float = 0.0
    counts: tuple[int, ...] = ()
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class Sampled:
    """What the sample says; `alike` has pairs of features that rise and fall together with their rank correlation."""

    spreads: Mapping[str, Spread]
    alike: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, slots=True)
class Hint:
    """A sentence about features that had better not be chosen together."""

    features: tuple[str, str]
    text: str


def sampled(keys: Sequence[str]) -> Sampled:
    """Look at these numeric features in a sample; remembered for the state that the customers are in."""
    name = f"segments.sampled:{connection.settings_dict['NAME']}:{last_change()}:{','.join(keys)}"
    remembered: Sampled | None = cache.get(name)
    if remembered is None:
        remembered = _look(keys)
        cache.set(name, remembered, REMEMBER_SECONDS)
    return remembered


def hints(sample: Sampled, labels: Mapping[str, str]) -> list[Hint]:
    """The pairs that say nearly or largely the same, each in a sentence."""
    found = []
    for one, other, correlation in sample.alike:
        if abs(correlation) > NEAR_DUPLICATE:
            text = _("{one} and {other} say nearly the same, so it would count twice: choose one of them.")
        else:
            text = _("{one} and {other} say largely the same, so it would count nearly twice: one may be enough.")
        found.append(Hint((one, other), text.format(one=labels[one], other=labels[other])))
    return found


def _look(keys: Sequence[str]) -> Sampled:
    ids = some_ids(SAMPLE) if keys else []
    if not ids:
        return Sampled({}, ())
    values = read_columns(keys, only=ids).values
    columns = dict(zip(keys, values.T, strict=True))
    spreads = {key: _spread(column) for key, column in columns.items()}
    alike = [
        (one, other, correlation)
        for one, other in combinations(spreads, 2)
        if abs(correlation := _rank_correlation(columns[one], columns[other])) > LARGELY_THE_SAME
    ]
    return Sampled(spreads, tuple(alike))


def _spread(column: FloatVector) -> Spread:
    known = column[~np.isnan(column)]
    missing = 1 - len(known) / len(column)
    if len(known) < FEWEST:
        return Spread(missing)
    # Between the outer half percents, so that one odd value does not flatten the picture.
    low, high = (float(edge) for edge in np.percentile(known, [0.5, 99.5]))
    counts, _edges = np.histogram(known.clip(low, high), bins=BINS, range=(low, high if high > low else low + 1))
    return Spread(missing, skewness(known), tuple(counts.tolist()), low, high)


def _rank_correlation(one: FloatVector, other: FloatVector) -> float:
    """Spearman's, of those of whom both are known: as features are bent before they count, their order tells."""
    both = ~np.isnan(one) & ~np.isnan(other)
    if both.sum() < FEWEST:
        return 0.0
    ranks = [_ranks(one[both]), _ranks(other[both])]
    if min(rank.std() for rank in ranks) == 0:
        return 0.0
    correlations: FloatMatrix = np.asarray(np.corrcoef(ranks))
    return float(correlations[0, 1])


def _ranks(values: FloatVector) -> FloatVector:
    """From 0; equal values have the mean of their places."""
    _distinct, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - (counts + 1) / 2
    ranks: FloatVector = below[place]
    return ranks
