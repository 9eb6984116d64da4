"""Whether what a run found may be used without anybody's word: what speaks against it, in sentences."""

from dataclasses import replace

from django.utils.translation import gettext as _

from segmentation_site.language.saying import spelled
from segments.browsing import words
from segments.kmeans.definition import Definition
from segments.kmeans.drifting import DriftWord
from segments.kmeans.shapes import Verdict
from segments.models import Run
from segments.timetable import PublishRule


def objections(run: Run, rule: PublishRule) -> list[str]:
    """Everything that speaks against using a finished draft by rule; nothing where the rule is fulfilled."""
    found = []
    before = run.baseline
    if before is None:
        found.append(_("there are no segments in use to compare with; somebody should look at the first ones"))
    elif (moved := share_moved(run)) > rule.most_moved:
        found.append(
            _("{share} of the customers would move to another segment, {most} may").format(
                share=words.percent(moved, decimals=1), most=words.percent(rule.most_moved, decimals=1)
            )
        )
    if before is not None and _what_is_asked(run) != _what_is_asked(before):
        # Who may change a segmentation may not always publish: conditions could leave everybody out who would move.
        found.append(
            _("the segmentation was changed since the segments in use were found; somebody should look at the new ones")
        )
    if run.verdict == Verdict.NO_CLEAR_GROUPS:
        found.append(_("the customers form no clear groups"))
    stability = run.candidates.filter(k=run.k or 0).values_list("stability", flat=True).first()
    if stability is not None and stability < rule.least_stability:
        found.append(
            _("the least stable segment reaches {stability}, {least} is asked for").format(
                stability=spelled(f"{stability:.2f}"), least=spelled(f"{rule.least_stability:.2f}")
            )
        )
    drift = run.segmentation.drift or {}
    if not rule.despite_drift and drift.get("word") == DriftWord.ACT:
        found.append(_("customers have changed since the segments in use were found"))
    return found


def _what_is_asked(run: Run) -> Definition:
    """How the run divides, but for the day from which it looks back and what its chance begins with."""
    return replace(Definition.from_json(run.definition), as_of=None, seed=0)


def share_moved(run: Run) -> float:
    """Of the customers who are in this run and in the one that it was matched with, the share in another segment."""
    counts = [(was, is_now, count) for was, is_now, count in run.matching.get("moves", []) if was and is_now]
    everybody = sum(count for _was, _is_now, count in counts)
    return sum(count for was, is_now, count in counts if was != is_now) / everybody if everybody else 0.0
