"""Every number of segments that a run looks at: fitted, measured and kept as soon as it is known. Workers only."""

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
from django.utils.translation import gettext_noop

from segmentation_site.jobs.copies import in_copies
from segmentation_site.jobs.leases import Lease
from segmentation_site.jobs.problems import Problem
from segments import warming
from segments.kmeans import fitting, measuring
from segments.kmeans.engines import Check, Engine
from segments.kmeans.measuring import Separation
from segments.kmeans.shapes import Fit, FloatVector, Measured, Outline, Prepared
from segments.models import Candidate, Run
from segments.warming import Before


class CannotSegment(Problem):
    """The customers do not allow what the definition asks for."""

    code = "cannot_segment"
    sentence = "{detail}"


@dataclass(frozen=True, slots=True)
class Tried:
    """One value of k: its measures, and how separate and how stable each of its groups is, in the outline's order."""

    outline: Outline
    measured: Measured
    separation: Separation
    stability: FloatVector
    warning: str = ""

    def places_of(self, fit: Fit) -> list[int]:
        """(k,) for each group of its fit the place in the outline: sizes that single precision made out almost equal
        may come in another order.
        """
        centroids = self.outline.centroids.tolist()
        return [centroids.index(centroid) for centroid in fit.centroids.tolist()]

    def to_json(self) -> dict[str, Any]:
        """Every bit of it, as copies of this process tell it."""
        outline = asdict(self.outline) | {
            "centroids": self.outline.centroids.tolist(),
            "sizes": self.outline.sizes.tolist(),
        }
        return asdict(self) | {"outline": outline, "stability": self.stability.tolist()}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        """Reads what `to_json` writes."""
        outline = told["outline"]
        arrays = {"centroids": np.array(outline["centroids"]), "sizes": np.array(outline["sizes"], dtype=np.int64)}
        return cls(
            outline=Outline(**outline | arrays),
            measured=Measured(**told["measured"]),
            separation=Separation(**told["separation"]),
            stability=np.array(told["stability"]),
            warning=told["warning"],
        )


def try_each(
    run: Run, prepared: Prepared, numbers: Sequence[int], lease: Lease[Run], start: Before | None, engine: Engine
) -> dict[int, Tried]:
    """Each number of segments with what came of it, ascending; the page draws the curve while they are stored.

    Ends before the first number that has too few distinct rows. Raises CannotSegment when that is the smallest.
    """
    lease.phase(gettext_noop("trying numbers of segments"), len(numbers))
    with lease.writing():
        run.candidates.all().delete()
    tried: dict[int, Tried] = {}
    with closing(_each(run.seed, prepared, numbers, lease.check, start, engine)) as all_of_them:
        for one in all_of_them:
            if isinstance(one, fitting.TooFewDistinctRows):
                if tried:
                    break
                raise CannotSegment(detail=str(one)) from one
            tried[one.outline.k] = one
            with lease.writing():
                _store(run, one.measured)
            lease.progress(len(tried))
    return tried


def _each(
    seed: int, prepared: Prepared, numbers: Sequence[int], check: Check, start: Before | None, engine: Engine
) -> Generator[Tried | fitting.TooFewDistinctRows]:
    """What comes of each number, in their order."""

    def told(k: int) -> dict[str, Any]:
        try:
            return _try(k, seed, prepared, check, start, engine).to_json()
        except fitting.TooFewDistinctRows as error:
            return {"distinct": error.distinct}

    fitting.make_ready(prepared, seed=seed, engine=engine)
    with closing(in_copies(told, numbers, at_once=engine.at_once, check=check)) as all_told:
        for k, came in zip(numbers, all_told, strict=True):
            yield fitting.TooFewDistinctRows(k, came["distinct"]) if "distinct" in came else Tried.from_json(came)


def _try(k: int, seed: int, prepared: Prepared, check: Check, start: Before | None, engine: Engine) -> Tried:
    """One k, fitted and measured. No query: it may be a copy of the process that does this."""
    started = time.perf_counter()
    outline = fitting.search(prepared, k, seed=seed, check=check, engine=engine)
    outline, warning = warming.gone_on(start, prepared, outline, engine=engine)
    separation = measuring.separation(prepared, outline, salt=seed)
    measured = measuring.measure(prepared, outline, salt=seed, known=separation)
    stability = measuring.stability(prepared, outline, salt=seed, check=check)
    measured = replace(
        measured,
        stability=float(stability.min()),
        prediction_strength=measuring.prediction_strength(prepared, k, salt=seed, check=check),
        seconds=time.perf_counter() - started,
    )
    return Tried(outline, measured, separation, stability, warning)


def _store(run: Run, measured: Measured) -> None:
    Candidate.objects.create(
        run=run,
        k=measured.k,
        inertia=measured.inertia,
        silhouette=measured.silhouette,
        davies_bouldin=measured.davies_bouldin,
        calinski_harabasz=measured.calinski_harabasz,
        stability=measured.stability,
        smallest_share=measured.smallest_share,
        prediction_strength=measured.prediction_strength,
        simplified_silhouette=measured.simplified_silhouette,
        seconds=measured.seconds,
    )
