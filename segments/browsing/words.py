"""Numbers as people read them, and the plain words for a model's measures."""

from django.utils.translation import gettext as _

from segmentation_site.language.saying import spelled
from segments.kmeans.naming import Action
from segments.kmeans.shapes import Verdict

NOTHING = "–"


def number(value: float | None) -> str:
    """Three telling digits, thousands apart: 1,234; 86.5; 0.26. A dash for nothing."""
    if value is None:
        return NOTHING
    size = abs(value)
    if size >= 1000 or value == int(value):
        return spelled(f"{value:,.0f}")
    return spelled(f"{value:.1f}" if size >= 10 else f"{value:.2f}")


def in_units(value: float | None, unit: str) -> str:
    """The number with its unit, kept on one line."""
    return f"{number(value)}\u00a0{unit}" if unit and value is not None else number(value)


def percent(share: float | None, *, decimals: int = 0) -> str:
    """A share from 0 to 1 as whole percent, as sentences say it: 41%, which is 41 % in German.

    What is neither nobody nor everybody never reads as 0% or 100%. `decimals` for what is held against a limit.
    """
    if share is None:
        return NOTHING
    if 0 < share < 0.0005:
        return f"<{spelled('0.1%')}"
    if 0.9995 <= share < 1:
        return f">{spelled('99.9%')}"
    if 0 < share < 0.0095 or 0.9905 <= share < 1:
        decimals = max(decimals, 1)
    return spelled(f"{share:.{decimals}%}")


def against_average(z: float) -> str:
    """How far a segment's mean lies from everybody's: in words, and in everybody's standard deviations (z)."""
    size = abs(z)
    if size < 0.25:
        words = _("about average")
    elif size < 0.5:
        words = _("slightly above") if z > 0 else _("slightly below")
    elif size < 1:
        words = _("above average") if z > 0 else _("below average")
    else:
        words = _("far above") if z > 0 else _("far below")
    number = standard_deviations(z, decimals=1) if size >= 0.05 else "0"
    # On a narrow page the number goes to the next line, and its dot with it.
    return f"{words} ·\u00a0{number}"


def standard_deviations(z: float, *, decimals: int = 2) -> str:
    """A z-score with its sign: +1.25."""
    return spelled(f"{z:+.{decimals}f}".replace("-", "\u2212"))


def action(suggested: Action) -> str:
    """What to do, as an imperative."""
    return {
        Action.WIN_BACK: _("Win back"),
        Action.REWARD: _("Reward"),
        Action.NURTURE: _("Nurture"),
        Action.INTRODUCE: _("Introduce"),
        Action.WATCH: _("Watch"),
    }[suggested]


def separation(silhouette: float | None) -> str:
    """What an average silhouette says (Kaufman and Rousseeuw 1990 in three words)."""
    if silhouette is None:
        return ""
    if silhouette > 0.5:
        return _("Clear: above 0.5")
    return _("Overlapping: 0.25 to 0.5") if silhouette >= 0.25 else _("Weak: below 0.25")


def stability(jaccard: float | None) -> str:
    """What the smallest bootstrap Jaccard says (Hennig 2007)."""
    if jaccard is None:
        return ""
    if jaccard >= 0.85:
        return _("Very stable: found again in nearly every resample")
    if jaccard >= 0.75:
        return _("Stable: found again in most resamples")
    return _("Shaky: often not found again") if jaccard >= 0.6 else _("Not to be trusted: rarely found again")


def verdict(value: str) -> str:
    """A run's verdict as a sentence."""
    sentences = {
        Verdict.CLEAR: _("Clear groups: customers are much nearer to their own segment than to the next one."),
        Verdict.OVERLAPPING: _("Overlapping groups: the segments differ, but those at the edges could be in either."),
        Verdict.WEAK: _("Weak groups: many customers are about as near to the next segment as to their own."),
        Verdict.NO_CLEAR_GROUPS: _(
            "No clear groups: data of the same spread without any groups divides about as well. "
            "These segments are a convenient grid, not types of people."
        ),
    }
    return sentences[Verdict(value)] if value in list(Verdict) else ""


def doubt(value: str) -> str:
    """What to consider before using segments that the data does not carry; nothing when it does."""
    if value == Verdict.WEAK:
        return _(
            "The separation is weak. You may use these segments, but do not read much into who is on which side of "
            "an edge."
        )
    if value == Verdict.NO_CLEAR_GROUPS:
        return _(
            "The data shows no groups here: any other cut would do about as well. You may use these segments as a "
            "practical grid; other features may divide your customers better."
        )
    return ""
