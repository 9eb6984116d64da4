"""What became of segments in a new fit, as it is stored and shown, and as a person may decide it. No arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self

from segments.kmeans.wording import gettext_noop

NO_LABELS: Mapping[str, str] = MappingProxyType({})


class Transition(StrEnum):
    """What became of a segment, or where it comes from."""

    MATCHED = "matched"
    SPLIT = "split"
    MERGED = "merged"
    BORN = "born"
    ENDED = "ended"


class CannotOverrule(ValueError):
    """What a person decided about groups cannot be; the message says why."""


@dataclass(frozen=True, slots=True)
class Match:
    """One group of the new fit and where it comes from.

    `keeps` is the id of the segment it goes on as, None for a new one; `sources` has the share of each old segment's
    rows that came here; `why` is the decision in a sentence.
    """

    group: int
    transition: Transition
    keeps: str | None
    jaccard: float
    sources: dict[str, float]
    why: str = ""
    is_overruled: bool = False


@dataclass(frozen=True, slots=True)
class Matching:
    """All groups of the new fit, and the old segments that none of them goes on as, each with what became of it.

    `why_gone` says in a sentence why an old segment ended.
    """

    groups: tuple[Match, ...]
    gone: dict[str, Transition]
    why_gone: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "groups": [
                {
                    "group": match.group,
                    "transition": match.transition.value,
                    "segment_id": match.keeps,
                    "jaccard": match.jaccard,
                    "sources": match.sources,
                    "why": match.why,
                    "is_overruled": match.is_overruled,
                }
                for match in self.groups
            ],
            "gone": {segment_id: transition.value for segment_id, transition in self.gone.items()},
            "why_gone": self.why_gone,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read a matching; those stored before there were sentences have none."""
        return cls(
            groups=tuple(
                Match(
                    group=match["group"],
                    transition=Transition(match["transition"]),
                    keeps=match["segment_id"],
                    jaccard=match["jaccard"],
                    sources=dict(match["sources"]),
                    why=match.get("why", ""),
                    is_overruled=match.get("is_overruled", False),
                )
                for match in value["groups"]
            ),
            gone={segment_id: Transition(transition) for segment_id, transition in value["gone"].items()},
            why_gone=dict(value.get("why_gone", {})),
        )


def overrule(
    matching: Matching, decisions: Mapping[int, str | None], *, labels: Mapping[str, str] = NO_LABELS
) -> Matching:
    """The matching as a person decides it: group → the id of the old segment it goes on as, None for a new one.

    What is not decided stays. An id that no group keeps ends. Raises CannotOverrule for a group or an id that there
    is not, and for an id that two groups would keep.
    """
    known = {one.keeps for one in matching.groups if one.keeps} | set(matching.gone)
    for group, segment_id in decisions.items():
        if group not in {one.group for one in matching.groups}:
            raise CannotOverrule(gettext_noop("There is no group {group} in this run.").format(group=group))
        if segment_id is not None and segment_id not in known:
            raise CannotOverrule(
                gettext_noop("No segment in use has the id {segment_id}. Choose one of: {known}.").format(
                    segment_id=segment_id, known=", ".join(sorted(known))
                )
            )
    groups = [_decided(one, decisions, labels) for one in matching.groups]
    kept = [one.keeps for one in groups if one.keeps]
    for segment_id in kept:
        if kept.count(segment_id) > 1:
            name = labels.get(segment_id, segment_id)
            raise CannotOverrule(
                gettext_noop(
                    "Two groups would go on as “{name}”. Decide for the other one, too: another segment, or a new one."
                ).format(name=name)
            )
    freed = sorted(known - set(kept) - set(matching.gone))
    return Matching(
        groups=tuple(groups),
        gone={one: end for one, end in matching.gone.items() if one not in kept}
        | dict.fromkeys(freed, Transition.ENDED),
        why_gone={one: why for one, why in matching.why_gone.items() if one not in kept}
        | {
            one: gettext_noop("“{name}” has ended: a person decided that no group goes on as it.").format(
                name=labels.get(one, one)
            )
            for one in freed
        },
    )


def _decided(one: Match, decisions: Mapping[int, str | None], labels: Mapping[str, str]) -> Match:
    if one.group not in decisions or decisions[one.group] == one.keeps:
        return one
    segment_id = decisions[one.group]
    if segment_id is None:
        why = gettext_noop("It is new: a person decided so.")
    else:
        why = gettext_noop("It goes on as “{name}”: a person decided so.").format(
            name=labels.get(segment_id, segment_id)
        )
    return replace(
        one,
        transition=Transition.BORN if segment_id is None else Transition.MATCHED,
        keeps=segment_id,
        # How alike the two are is known of the pair that was proposed only.
        jaccard=0.0,
        why=why,
        is_overruled=True,
    )
