"""Doing a run again from what it froze, to see whether the same comes out. Workers and commands only."""

from dataclasses import dataclass, field

import numpy as np

from segments import placing, reading, warming
from segments.kmeans import fitting, preparing
from segments.kmeans.engines import THREADS, Engine
from segments.kmeans.model import Model
from segments.kmeans.shapes import Definition, EngineChoice, Fit, Prepared
from segments.models import Run, Segment

# Sums in another order differ in their last bits; these do not make another result.
TOLERANCE = 1e-9
# Another engine rounds otherwise: Spark's rows are single precision.
TOLERANCE_ACROSS_ENGINES = 1e-6


@dataclass(slots=True)
class Reproduction:
    """What came out of doing it again.

    differences     sentences; none when it is equal
    is_bitwise      whether inertia and centroids are the same to the last bit, too
    tolerance       how far they may be apart, in parts of themselves, and count as equal
    """

    differences: list[str] = field(default_factory=list)
    is_bitwise: bool = False
    tolerance: float = TOLERANCE

    @property
    def is_equal(self) -> bool:
        return not self.differences


def reproduce(run: Run, *, threads: int = THREADS, engine: EngineChoice = EngineChoice.AUTO) -> Reproduction:
    """Fit every number of segments that the run tried, from its definition and seed, on the customers of now.

    The run is done. When the customers are not those that it read, that is the one difference: nothing else can be
    said then. `engine` is the run's own unless another is asked for. Raises what opening an engine does.
    """
    definition, model = Definition.from_json(run.definition), Model.from_json(run.model or {})
    columns = reading.read_features(definition)
    if columns.sha256 != run.input_sha256:
        difference = (
            f"The customers are not those that the run read: their fingerprint was {run.input_sha256[:16]} "
            f"({run.customers or 0:,} customers) and is {columns.sha256[:16]} ({len(columns.ids):,})."
        )
        return Reproduction([difference])
    prepared = preparing.prepare(columns.ids, columns.values, definition, levels=columns.levels)
    own = EngineChoice(model.fit["engine"])
    place = own if engine is EngineChoice.AUTO else engine
    found = Reproduction(tolerance=TOLERANCE if place is own else TOLERANCE_ACROSS_ENGINES)
    with placing.opened(place, prepared, run, threads=threads) as opened:
        _refit(run, model, prepared, opened, found)
    return found


def _refit(run: Run, model: Model, prepared: Prepared, engine: Engine, found: Reproduction) -> None:
    start = warming.before(Run.objects.filter(public_id=model.fit.get("from") or "").first())
    for k, inertia in run.candidates.order_by("k").values_list("k", "inertia"):
        outline = fitting.search(prepared, k, seed=run.seed, engine=engine)
        outline, _warning = warming.gone_on(start, prepared, outline, engine=engine)
        if not np.isclose(outline.inertia, inertia, rtol=found.tolerance):
            found.differences.append(f"With {k} segments the inertia was {inertia!r} and is {outline.inertia!r}.")
        if k == run.k:
            fit = fitting.partition(outline, engine)
            _compare(run, model, prepared, fit, found)


def _compare(run: Run, model: Model, prepared: Prepared, fit: Fit, found: Reproduction) -> None:
    apart = np.abs(fit.centroids - model.centroids).max()
    if apart > found.tolerance * max(1.0, float(np.abs(model.centroids).max())):
        found.differences.append(f"A centroid lies {apart:.3g} from where it was, in the prepared space.")
    found.is_bitwise = bool(np.array_equal(fit.centroids, model.centroids)) and fit.inertia == run.inertia
    if run.pruned_at is not None:
        return
    keys = dict(Segment.objects.filter(segmentation=run.segmentation_id).values_list("public_id", "pk"))
    places = reading.read_places(run)
    expected = np.array([keys[segment.segment_id] for segment in model.segments], dtype=np.int64)[fit.labels]
    if not np.array_equal(places.customer_ids, prepared.ids):
        found.differences.append("The customers of the run are not the same any more.")
    elif count := int((places.segment_ids != expected).sum()):
        found.differences.append(f"{count:,} of {len(expected):,} customers come into another segment.")
