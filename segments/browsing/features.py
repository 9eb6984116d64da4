"""What may be segmented on: features with their labels, how they are distributed, and what speaks against each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from django.utils.translation import gettext as _

from customers.attributes import FeatureLabel, columns, feature_labels
from customers.overview import Distribution, everybody
from segmentation_site.language.saying import label as label_of
from segmentation_site.language.saying import said, spelled, within
from segments.browsing import words
from segments.browsing.estimates import Estimate, estimate
from segments.browsing.hints import Hint, Spread, hints, sampled
from segments.kmeans.definition import presets
from segments.kmeans.shapes import MOST_MISSING, Definition
from segments.kmeans.warning import SKEWED

SLACK = 0.05


class Labels(dict[str, FeatureLabel]):
    """Feature key → label and unit; a key that is no longer known is shown as its own words: old runs keep it."""

    def __missing__(self, key: str) -> FeatureLabel:
        return FeatureLabel(label_of(key.replace("_", " ")))

    @property
    def names(self) -> dict[str, str]:
        """Each label as text."""
        return {key: label.label for key, label in self.items()}

    @property
    def with_units(self) -> dict[str, str]:
        """Each label with its unit as text."""
        return {key: label.with_unit for key, label in self.items()}


@dataclass(frozen=True, slots=True)
class Bar:
    """One interval of a small histogram: its height in percent of the highest."""

    label: str
    count: int
    height: int


@dataclass(frozen=True, slots=True)
class FeatureOption:
    """A feature that somebody may choose; `blocked` says why not, `note` what to know about it."""

    key: str
    label: str
    unit: str
    note: str
    blocked: str
    bars: tuple[Bar, ...]
    is_category: bool = False


@dataclass(frozen=True, slots=True)
class Preset:
    """A set of features that often works."""

    key: str
    label: str
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AttributeOption:
    """An attribute that customers may be asked for to take part; `kind` as the registry of attributes has it."""

    key: str
    label: str
    kind: str
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """Everything to choose from, and how many customers there are to divide."""

    customers: int
    options: tuple[FeatureOption, ...]
    presets: tuple[Preset, ...]
    # What may be asked of customers to take part.
    attributes: tuple[AttributeOption, ...] = ()
    # Features that had better not be chosen together.
    hints: tuple[Hint, ...] = ()
    # How long a run takes; None where there is nobody to divide.
    takes: Estimate | None = None


def known_labels(of: Iterable[str] | None = None) -> Labels:
    """How people know every feature, or at least those named in `of`: of what every site has, without a query."""
    return Labels({key: _said(one) for key, one in feature_labels(of).items()})


def _said(one: FeatureLabel) -> FeatureLabel:
    return replace(one, label=label_of(one.label), unit=said(one.unit))


def in_words(definition: Definition) -> str:
    """The features of a definition in one line: "Annual income × spending score"."""
    known = known_labels()
    first, *rest = [known[name].label for name in definition.feature_names]
    return " × ".join([first, *(within(label) for label in rest)])


def offer() -> Offer:
    """What may be chosen from, with the distributions that are remembered for the state that the customers are in."""
    whole = everybody()
    known = {one.key: one for one in whole.distributions}
    labels = known_labels()
    sample = sampled([key for key, label in labels.items() if not label.is_category])
    options = tuple(_option(key, label, known.get(key), sample.spreads.get(key)) for key, label in labels.items())
    usable = tuple(option.key for option in options if not option.blocked and not option.is_category)
    names = {
        "income-spending": _("Mall: income × spending"),
        "rfm": _("Purchases: recency, frequency, money"),
        "everything": _("Everything numeric"),
    }
    ready = tuple(Preset(one.key, names[one.key], one.features) for one in presets(usable))
    asked = tuple(
        AttributeOption(one.key, label_of(one.label), one.kind.value, tuple(one.categories)) for one in columns()
    )
    return Offer(
        customers=whole.customers,
        options=options,
        presets=ready,
        attributes=asked,
        hints=tuple(hints(sample, labels.names)),
        takes=estimate(whole.customers) if whole.customers else None,
    )


def _option(key: str, label: FeatureLabel, distribution: Distribution | None, spread: Spread | None) -> FeatureOption:
    missing = spread.missing if spread else 0.0
    bars = _bars(spread.counts, _intervals(spread)) if spread and spread.counts else ()
    # A sample may miss by a little what a run will find.
    blocked = _missing(missing) if missing > MOST_MISSING + SLACK else ""
    if distribution is not None:
        # Counted of everybody, not of a sample.
        customers = distribution.known + distribution.unknown
        missing = distribution.unknown / customers if customers else 0.0
        bars = _bars([one.count for one in distribution.bins], [spelled(said(one.label)) for one in distribution.bins])
        blocked = _blocked(distribution, missing)
    # Where there are no customers there is nothing to know of them.
    note = _note(key, label, missing, spread) if distribution or spread or label.is_category else ""
    return FeatureOption(key, label.label, label.unit, note, blocked, bars, label.is_category)


def _blocked(distribution: Distribution, missing: float) -> str:
    """Why a feature cannot be used; "" where it can."""
    if not distribution.known:
        return _("not known of any customer")
    if missing > MOST_MISSING:
        return _missing(missing)
    if sum(1 for one in distribution.bins if one.count) == 1:
        return _("nearly the same for everybody, so it tells nobody apart")
    return ""


def _missing(share: float) -> str:
    return _("missing for {share} of the customers, at most {most} may be").format(
        share=words.percent(share, decimals=1), most=words.percent(MOST_MISSING)
    )


def _note(key: str, label: FeatureLabel, missing: float, spread: Spread | None) -> str:
    if key == "gender":
        return _("a category: treating people differently by it should be thought through")
    if label.is_category:
        return _("a category: each value counts as near or far, so one or two are enough")
    if missing:
        known = _("{share} missing, filled with the median").format(share=words.percent(missing))
    else:
        known = _("known of everybody")
    if spread is None or abs(spread.skewness) <= SKEWED:
        return known
    tail = _("a few very high values, whose pull is limited")
    if spread.skewness < 0:
        tail = _("a few very low values, whose pull is limited")
    return f"{known}; {tail}"


def _intervals(spread: Spread) -> list[str]:
    """What each interval of a sample is called."""
    step = (spread.high - spread.low) / len(spread.counts)
    edges = [words.number(spread.low + step * place) for place in range(len(spread.counts) + 1)]
    return [f"{low}–{high}" for low, high in pairwise(edges)]


def _bars(counts: Sequence[int], labels: Sequence[str]) -> tuple[Bar, ...]:
    highest = max(counts, default=0) or 1
    return tuple(Bar(label, count, round(100 * count / highest)) for label, count in zip(labels, counts, strict=True))
