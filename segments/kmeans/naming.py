"""Names for segments and what to do with each, from what sets them apart, in plain words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from segments.kmeans.shapes import FeatureProfile, Profile
from segments.kmeans.wording import gettext_noop

# Nearer to everybody's mean than half a standard deviation, a feature says nothing about a segment.
NOTABLE_Z = 0.5
AVERAGE = gettext_noop("Average")

# Features whose high and low have words of their own.
OWN_WORDS: dict[str, tuple[str, str]] = {
    "age": (gettext_noop("Older"), gettext_noop("Younger")),
    "recency": (gettext_noop("Away for long"), gettext_noop("Here lately")),
    "tenure": (gettext_noop("Long with us"), gettext_noop("New")),
}


def notable(profile: Profile) -> list[FeatureProfile]:
    """The features that set a segment apart, strongest first; empty when none does."""
    features = [feature for feature in profile.features if abs(feature.z) >= NOTABLE_Z]
    return sorted(features, key=lambda feature: (-abs(feature.z) * feature.eta_squared, feature.name))


def traits(profile: Profile, labels: Mapping[str, str], *, most: int = 3) -> list[str]:
    """What sets a segment apart in words, strongest first; empty when nothing does."""
    return [trait(feature, labels) for feature in notable(profile)[:most]]


def trait(feature: FeatureProfile, labels: Mapping[str, str]) -> str:
    """A feature that sets a segment apart in words, such as `High annual income`."""
    is_high = feature.z > 0
    return _words(feature.name, labels)[0 if is_high else 1]


def _words(name: str, labels: Mapping[str, str]) -> tuple[str, str]:
    """The words for high and for low values of a feature."""
    if name in OWN_WORDS:
        return OWN_WORDS[name]
    label = _label(name, labels)
    return gettext_noop("High {label}").format(label=label), gettext_noop("Low {label}").format(label=label)


def _label(name: str, labels: Mapping[str, str]) -> str:
    """How people know a feature, as it stands within a sentence."""
    label = labels.get(name, name.replace("_", " "))
    return f"{label[:1].lower()}{label[1:]}"


def suggest_names(profiles: Sequence[Profile], labels: Mapping[str, str], *, taken: Sequence[str] = ()) -> list[str]:
    """A unique name for each profile that is in none of `taken`.

    Its two strongest traits, or `Average` when it has none. They stand in the order of the features, whichever is the
    stronger, so that the names of segments that differ in one trait differ in one place.
    """
    used = {name.casefold() for name in taken}
    names: list[str] = []
    for profile in profiles:
        strongest = notable(profile)[:4]
        options = [
            " · ".join(trait(feature, labels) for feature in profile.features if feature in strongest[:count])
            for count in range(min(2, len(strongest)), len(strongest) + 1)
        ]
        name = _first_free([option for option in options if option] or [AVERAGE], used)
        used.add(name.casefold())
        names.append(name)
    return names


def _first_free(options: Sequence[str], used: set[str]) -> str:
    for option in options:
        if option.casefold() not in used:
            return option
    number = 2
    while f"{options[0]} {number}".casefold() in used:
        number += 1
    return f"{options[0]} {number}"


def contradictions(
    name: str, profile: Profile, labels: Mapping[str, str], *, meant: Profile | None = None
) -> tuple[str, ...]:
    """What in a segment's profile speaks against the name that a person gave it; a sentence for each feature.

    name    such as “Big spenders, high income”: what it says of a feature in our own words is held against it
    meant   the profile that the person saw: the two traits that a suggestion would have named are what the name stands
            for, whatever its words

    Contradicted is what was high and is low or average now, and the other way round. A feature that the profile does
    not have says nothing.
    """
    now = {feature.name: feature for feature in profile.features}
    claimed = {feature.name: feature.z > 0 for feature in notable(meant)[:2]} if meant else {}
    claimed |= {key: is_high for key in now if (is_high := _said(name, key, labels)) is not None}
    return tuple(
        _contradiction(name, now[key], is_high, labels)
        for key, is_high in claimed.items()
        if key in now and (now[key].z < NOTABLE_Z if is_high else now[key].z > -NOTABLE_Z)
    )


def _said(name: str, feature: str, labels: Mapping[str, str]) -> bool | None:
    """Whether a name says in our own words that a feature is high (True) or low (False); None for neither or both."""
    parts = {part.strip().casefold() for part in name.replace(",", "·").replace(";", "·").split("·")}
    high, low = (words.casefold() in parts for words in _words(feature, labels))
    return None if high == low else high


def _contradiction(name: str, feature: FeatureProfile, is_high: bool, labels: Mapping[str, str]) -> str:
    if abs(feature.z) < NOTABLE_Z:
        high = gettext_noop("“{name}” stands for high {label}, which is average here now.")
        low = gettext_noop("“{name}” stands for low {label}, which is average here now.")
    else:
        high = gettext_noop("“{name}” stands for high {label}, which is low here now.")
        low = gettext_noop("“{name}” stands for low {label}, which is high here now.")
    return (high if is_high else low).format(name=name, label=_label(feature.name, labels))


class Action(StrEnum):
    """What is usually done with customers at this point of their life with a shop."""

    WIN_BACK = "win_back"
    REWARD = "reward"
    NURTURE = "nurture"
    INTRODUCE = "introduce"
    WATCH = "watch"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What to do with a segment and why, in a sentence; it promises nothing that was not measured."""

    action: Action
    why: str


# Where purchases are known, the first two are worth what they say; otherwise what is named like value, and like means.
PURCHASES = ("monetary", "frequency")
VALUE = {"spending", "spend", "spent", "revenue", "turnover", "monetary", "value", "sales", "orders", "purchases"}
MEANS = {"income", "salary", "budget"}


def suggest_action(profile: Profile, labels: Mapping[str, str]) -> Suggestion | None:
    """What to do with a segment; None where no feature says what its customers are worth or when they came.

    From recency, frequency, monetary and tenure where the profile has them, else from features named like value.
    """
    z = {feature.name: feature.z for feature in profile.features}
    worth = [name for name in PURCHASES if name in z] or [name for name in z if VALUE & _parts(name)]
    recency, tenure = z.get("recency"), z.get("tenure")
    if not worth and recency is None and tenure is None:
        return None
    value = max(worth, key=lambda name: abs(z[name]), default="")
    is_high, is_low = z.get(value, 0.0) >= NOTABLE_Z, z.get(value, 0.0) <= -NOTABLE_Z
    label = _label(value, labels)
    if recency is not None and recency >= NOTABLE_Z:
        if is_low:
            return Suggestion(
                Action.WATCH,
                gettext_noop("They have been away for long, and their {label} was low.").format(label=label),
            )
        if is_high:
            why = gettext_noop("They have been away for long, and their {label} is high.")
        elif value:
            why = gettext_noop("They have been away for long, and their {label} is average.")
        else:
            why = gettext_noop("They have been away for long.")
        return Suggestion(Action.WIN_BACK, why.format(label=label))
    if tenure is not None and tenure <= -NOTABLE_Z and not is_high:
        return Suggestion(Action.INTRODUCE, gettext_noop("They are new: most have not been customers for long."))
    if is_high:
        return Suggestion(Action.REWARD, gettext_noop("Their {label} is high.").format(label=label))
    means = [name for name in z if MEANS & _parts(name) and z[name] >= NOTABLE_Z]
    if is_low and means:
        return Suggestion(
            Action.NURTURE,
            gettext_noop("Their {label} is low although their {means} is high.").format(
                label=label, means=_label(means[0], labels)
            ),
        )
    if is_low:
        return Suggestion(Action.WATCH, gettext_noop("Their {label} is low.").format(label=label))
    if recency is not None and recency <= -NOTABLE_Z:
        if value:
            why = gettext_noop("They were here lately, and their {label} is average.")
        else:
            why = gettext_noop("They were here lately.")
        return Suggestion(Action.NURTURE, why.format(label=label))
    why = gettext_noop("Their {label} is average.") if value else gettext_noop("Nothing sets them apart.")
    return Suggestion(Action.WATCH, why.format(label=label))


def _parts(name: str) -> set[str]:
    return set(name.casefold().split("_"))
