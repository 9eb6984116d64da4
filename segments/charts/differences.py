"""How segments differ: from each other, and from everybody."""

from collections.abc import Mapping, Sequence
from typing import Any

from segments.charts.drawing import Chart, Series, colour_of, text
from segments.kmeans.shapes import FeatureProfile, Profile
from segments.kmeans.wording import gettext_noop


def boxes(series: Sequence[Series], everybody: Profile, name: str, labels: Mapping[str, str]) -> Chart:
    """One feature over the segments: the middle half as a box, the median in it, lowest to highest as whiskers."""
    label = labels.get(name, name)
    rows = [(one, one.profile.feature(name)) for one in series]
    known = [(one, feature) for one, feature in rows if feature.median is not None]
    config = {
        "type": "bar",
        "data": {
            "labels": [one.name for one, _ in known],
            "datasets": [
                {
                    "label": label,
                    "data": [[feature.q1, feature.q3] for _, feature in known],
                    "boxes": [
                        {"median": feature.median, "low": feature.minimum, "high": feature.maximum}
                        for _, feature in known
                    ],
                    "backgroundColor": [colour_of(one.colour, 0.35) for one, _ in known],
                    "borderColor": [colour_of(one.colour) for one, _ in known],
                    "borderWidth": 1.5,
                    "borderSkipped": False,
                    "maxBarThickness": 26,
                }
            ],
        },
        "options": {
            "indexAxis": "y",
            "plugins": {"legend": {"display": False}},
            "scales": {
                "x": {
                    "format": "number",
                    "suggestedMin": everybody.feature(name).minimum,
                    "suggestedMax": everybody.feature(name).maximum,
                    "title": {"display": True, "text": label},
                },
                "y": {"grid": {"display": False}},
            },
        },
    }
    if known:
        high = max(known, key=lambda row: row[1].median or 0.0)
        low = min(known, key=lambda row: row[1].median or 0.0)
        finding = gettext_noop(
            "{label}: highest in “{high}” (half of them above {above}), lowest in “{low}” (half of them below {below})."
        ).format(label=label, high=high[0].name, above=text(high[1].median), low=low[0].name, below=text(low[1].median))
    else:
        finding = gettext_noop("{label} is not known of anybody.").format(label=label)
    return Chart(
        config,
        finding,
        gettext_noop("Box plot: {label} in each segment").format(label=label),
        (
            gettext_noop("Segment"),
            gettext_noop("Lowest"),
            gettext_noop("First quarter"),
            gettext_noop("Median"),
            gettext_noop("Third quarter"),
            gettext_noop("Highest"),
        ),
        tuple(
            (
                one.name,
                *(text(value) for value in (feature.minimum, feature.q1, feature.median, feature.q3, feature.maximum)),
            )
            for one, feature in rows
        ),
    )


def quality(series: Sequence[Series]) -> Chart | None:
    """Separation and stability of each segment; None when neither was measured."""
    measured = [one for one in series if one.profile.silhouette is not None or one.profile.stability is not None]
    if not measured:
        return None
    datasets: list[dict[str, Any]] = []
    if any(one.profile.silhouette is not None for one in measured):
        datasets.append(
            {
                "label": gettext_noop("Separation"),
                "data": [one.profile.silhouette for one in measured],
                "backgroundColor": [colour_of(one.colour) for one in measured],
                "borderRadius": 4,
                "maxBarThickness": 18,
            }
        )
    if any(one.profile.stability is not None for one in measured):
        datasets.append(
            {
                "label": gettext_noop("Stability"),
                "data": [one.profile.stability for one in measured],
                "backgroundColor": [colour_of(one.colour, 0.2) for one in measured],
                "borderColor": [colour_of(one.colour) for one in measured],
                "borderWidth": 1.5,
                "borderRadius": 4,
                "maxBarThickness": 18,
            }
        )
    config = {
        "type": "bar",
        "data": {"labels": [one.name for one in measured], "datasets": datasets},
        "options": {
            "indexAxis": "y",
            "plugins": {"legend": {"display": False}},
            "scales": {
                "x": {"suggestedMin": 0, "max": 1, "format": "number"},
                "y": {"grid": {"display": False}},
            },
        },
    }
    return Chart(
        config,
        _quality_finding(measured),
        gettext_noop("Bars: separation and stability of each segment"),
        (gettext_noop("Segment"), gettext_noop("Separation"), gettext_noop("Stability")),
        tuple((one.name, text(one.profile.silhouette), text(one.profile.stability)) for one in measured),
    )


def _quality_finding(measured: Sequence[Series]) -> str:
    separated = [(one.profile.silhouette, one.name) for one in measured if one.profile.silhouette is not None]
    stable = [(one.profile.stability, one.name) for one in measured if one.profile.stability is not None]
    template = {
        (True, True): gettext_noop(
            "“{apart}” stands apart most clearly and “{near}” least; “{shaky}” is the least stable ({stability:.2f}). "
            "Filled bars are separation, outlined ones stability."
        ),
        (True, False): gettext_noop("“{apart}” stands apart most clearly and “{near}” least."),
        (False, True): gettext_noop("“{shaky}” is the least stable ({stability:.2f})."),
    }[bool(separated), bool(stable)]
    return template.format(
        apart=max(separated)[1] if separated else "",
        near=min(separated)[1] if separated else "",
        shaky=min(stable)[1] if stable else "",
        stability=min(stable)[0] if stable else 0.0,
    )


def profile_bars(one: Series, everybody: Profile, labels: Mapping[str, str]) -> Chart:
    """A segment's means against everybody's, in everybody's standard deviations, the largest difference first."""
    features = sorted(one.profile.features, key=lambda feature: -abs(feature.z))
    config = {
        "type": "bar",
        "data": {
            "labels": [labels.get(feature.name, feature.name) for feature in features],
            "datasets": [
                {
                    "label": gettext_noop("Against the average of everybody"),
                    "data": [round(feature.z, 4) for feature in features],
                    "backgroundColor": ["var(--above)" if feature.z >= 0 else "var(--below)" for feature in features],
                    "borderRadius": 4,
                    "maxBarThickness": 24,
                }
            ],
        },
        "options": {
            "indexAxis": "y",
            "plugins": {"legend": {"display": False}},
            "scales": {
                "x": {
                    "format": "signed",
                    "suggestedMin": -2,
                    "suggestedMax": 2,
                    "title": {"display": True, "text": gettext_noop("standard deviations from the average")},
                },
                "y": {"grid": {"display": False}},
            },
        },
    }
    return Chart(
        config,
        _bars_finding(features, everybody, labels),
        gettext_noop("Bars: how far {name} lies above or below the average of everybody").format(name=one.name),
        (
            gettext_noop("Feature"),
            gettext_noop("Segment"),
            gettext_noop("Everybody"),
            gettext_noop("Standard deviations"),
        ),
        tuple(
            (
                labels.get(feature.name, feature.name),
                text(feature.mean),
                text(everybody.feature(feature.name).mean),
                f"{feature.z:+.2f}",
            )
            for feature in features
        ),
    )


def _bars_finding(features: Sequence[FeatureProfile], everybody: Profile, labels: Mapping[str, str]) -> str:
    strongest = features[0]
    label = labels.get(strongest.name, strongest.name)
    average = everybody.feature(strongest.name).mean
    if abs(strongest.z) < 0.5:
        return gettext_noop("These customers are close to the average in everything that was looked at.")
    return gettext_noop("What stands out most is {label}: {mean} on average, against {average} for everybody.").format(
        label=f"{label[:1].lower()}{label[1:]}", mean=text(strongest.mean, 3), average=text(average, 3)
    )
