"""What may be segmented on: features with their labels, how they are distributed, and what speaks against each."""

from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from customers.attributes import FeatureLabel, columns, feature_labels
from customers.overview import Distribution, everybody
from segmentation_site.language.saying import label as label_of
from segmentation_site.language.saying import said, spelled, within
from segments.browsing import words
from segments.kmeans.definition import presets
from segments.kmeans.shapes import MOST_MISSING, Definition


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


def known_labels() -> Labels:
    """How people know every feature."""
    return Labels({key: _said(one) for key, one in feature_labels().items()})


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
    options = tuple(_option(key, label, known.get(key)) for key, label in known_labels().items())
    usable = tuple(option.key for option in options if not option.blocked and not option.is_category)
    labels = {
        "income-spending": _("Mall: income × spending"),
        "rfm": _("Purchases: recency, frequency, money"),
        "everything": _("Everything numeric"),
    }
    ready = tuple(Preset(one.key, labels[one.key], one.features) for one in presets(usable))
    asked = tuple(
        AttributeOption(one.key, label_of(one.label), one.kind.value, tuple(one.categories)) for one in columns()
    )
    return Offer(whole.customers, options, ready, asked)


def _option(key: str, label: FeatureLabel, distribution: Distribution | None) -> FeatureOption:
    if distribution is None:
        note = _("a category: each value counts as near or far, so one or two are enough") if label.is_category else ""
        return FeatureOption(key, label.label, label.unit, note, "", (), label.is_category)
    customers = distribution.known + distribution.unknown
    missing = distribution.unknown / customers if customers else 0.0
    blocked = ""
    if not distribution.known:
        blocked = _("not known of any customer")
    elif missing > MOST_MISSING:
        blocked = _("missing for {share} of the customers, at most {most} may be").format(
            share=words.percent(missing), most=words.percent(MOST_MISSING)
        )
    elif sum(1 for one in distribution.bins if one.count) == 1:
        blocked = _("nearly the same for everybody, so it tells nobody apart")
    note = _("known of everybody")
    if missing:
        note = _("{share} missing, filled with the median").format(share=words.percent(missing))
    if label.is_category:
        note = _("a category: treating people differently by it should be thought through") if key == "gender" else note
    highest = max((one.count for one in distribution.bins), default=0)
    return FeatureOption(
        key,
        label.label,
        label.unit,
        note,
        blocked,
        tuple(Bar(spelled(said(one.label)), one.count, round(100 * one.count / highest)) for one in distribution.bins),
        label.is_category,
    )
