"""Names for segments, from what sets them apart, in plain words."""

from collections.abc import Mapping, Sequence

from segments.kmeans.shapes import FeatureProfile, Profile

# Nearer to everybody's mean than half a standard deviation, a feature says nothing about a segment.
NOTABLE_Z = 0.5
AVERAGE = "Average"

# Features whose high and low have words of their own.
OWN_WORDS: dict[str, tuple[str, str]] = {
    "age": ("Older", "Younger"),
    "recency": ("Away for long", "Here lately"),
    "tenure": ("Long with us", "New"),
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
    if feature.name in OWN_WORDS:
        return OWN_WORDS[feature.name][0 if is_high else 1]
    label = labels.get(feature.name, feature.name.replace("_", " "))
    return f"{'High' if is_high else 'Low'} {label[:1].lower()}{label[1:]}"


def suggest_names(profiles: Sequence[Profile], labels: Mapping[str, str], *, taken: Sequence[str] = ()) -> list[str]:
    """A unique name for each profile that is in none of `taken`.

    Its two strongest traits, or `Average` when it has none.
    """
    used = {name.casefold() for name in taken}
    names: list[str] = []
    for profile in profiles:
        words = [trait(feature, labels) for feature in notable(profile)[:4]]
        options = [" · ".join(words[:count]) for count in range(min(2, len(words)), len(words) + 1)]
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
