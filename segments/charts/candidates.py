"""The numbers of segments that a run tried, by their measures."""

from collections.abc import Sequence

from segments.charts.drawing import Chart, text
from segments.kmeans.shapes import Measured
from segments.kmeans.wording import gettext_noop


def elbow(candidates: Sequence[Measured], chosen: int | None = None) -> Chart:
    """Spread inside segments (inertia) over the number of segments."""
    candidates = sorted(candidates, key=lambda one: one.k)
    return _over_k(
        candidates,
        [one.inertia for one in candidates],
        chosen,
        title=gettext_noop("Spread inside segments"),
        finding=_elbow_finding(candidates, chosen),
    )


def _elbow_finding(candidates: Sequence[Measured], chosen: int | None) -> str:
    spread = {one.k: one.inertia for one in candidates}
    at = chosen if chosen in spread else max(spread)
    steps: dict[str, float] = {}
    for name, before, after in (("gained", at - 1, at), ("more", at, at + 1)):
        if before in spread and after in spread and spread[before] > 0:
            steps[name] = 1 - spread[after] / spread[before]
    templates = {
        (): gettext_noop("The spread inside segments for each number of segments tried so far."),
        ("gained",): gettext_noop(
            "More segments always lie closer together: from {before} to {k} segments the spread shrinks by "
            "{gained:.0%}."
        ),
        ("more",): gettext_noop(
            "More segments always lie closer together: from {k} to {after} segments the spread shrinks by {more:.0%}."
        ),
        ("gained", "more"): gettext_noop(
            "More segments always lie closer together: from {before} to {k} segments the spread shrinks by "
            "{gained:.0%}, from {k} to {after} by {more:.0%}."
        ),
    }
    return templates[tuple(steps)].format(before=at - 1, k=at, after=at + 1, **steps)


def separation(candidates: Sequence[Measured], chosen: int | None = None) -> Chart:
    """Separation (average silhouette) over the number of segments."""
    candidates = sorted((one for one in candidates if one.silhouette is not None), key=lambda one: one.k)
    values = [one.silhouette or 0.0 for one in candidates]
    if candidates:
        best = max(candidates, key=lambda one: one.silhouette or -1.0)
        finding = gettext_noop(
            "Segments are set apart best when there are {k} of them: {separation:.2f} of at most 1."
        ).format(k=best.k, separation=best.silhouette)
    else:
        finding = gettext_noop("Separation was not measured.")
    return _over_k(candidates, values, chosen, title=gettext_noop("Separation"), finding=finding)


def _over_k(
    candidates: Sequence[Measured], values: Sequence[float], chosen: int | None, *, title: str, finding: str
) -> Chart:
    is_chosen = [one.k == chosen for one in candidates]
    config = {
        "type": "line",
        "data": {
            "labels": [one.k for one in candidates],
            "datasets": [
                {
                    "label": title,
                    "data": list(values),
                    "borderColor": "var(--accent)",
                    "backgroundColor": "var(--accent)",
                    "borderWidth": 2,
                    "pointRadius": [8 if mine else 4 for mine in is_chosen],
                    "pointHoverRadius": 9,
                    "pointBackgroundColor": ["var(--accent)" if mine else "var(--surface)" for mine in is_chosen],
                    "pointBorderWidth": 2,
                    "tension": 0.15,
                }
            ],
        },
        "options": {
            "interaction": {"mode": "index", "intersect": False},
            "plugins": {"legend": {"display": False}},
            "scales": {
                "x": {
                    "title": {"display": True, "text": gettext_noop("Number of segments")},
                    "grid": {"display": False},
                },
                "y": {"beginAtZero": True, "format": "number"},
            },
        },
    }
    rows = tuple(
        (gettext_noop("{k} (chosen)").format(k=one.k) if mine else str(one.k), text(value))
        for one, value, mine in zip(candidates, values, is_chosen, strict=True)
    )
    return Chart(
        config,
        finding,
        gettext_noop("Line: {what} for each number of segments").format(what=title.lower()),
        (gettext_noop("Segments"), title),
        rows,
    )
