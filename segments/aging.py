"""Purchases move customers without a change of the customers themselves: recency and tenure grow by the day.

Who is where in a published run is as of one day for everybody. That is the run's own until purchases come; then
everybody is looked at once more, as of the day on which they came. So an explanation counts the same purchases as the
place that it explains.
"""

from datetime import UTC, date, datetime

from customers import purchases
from segments.kmeans.shapes import Definition
from segments.models import Run, Segmentation


def day_of(run: Run, definition: Definition) -> date | None:
    """Up to which day, in UTC, purchases count for who is where in a run with this definition; None where none do."""
    return (run.segmentation.scored_as_of if run.is_published else None) or definition.as_of


def count_anew() -> int:
    """Let everybody be looked at again in segmentations in use that divide by purchases; how many these are.

    Call it in the transaction in which purchases come or go.
    """
    count = 0
    for segmentation in (
        Segmentation.objects.select_for_update(of=("self",), no_key=True)
        .select_related("published_run")
        .filter(published_run__isnull=False)
        .order_by("pk")
    ):
        if segmentation.published_run and _divides_by_purchases(segmentation.published_run):
            start_anew(segmentation, segmentation.published_run)
            segmentation.save(update_fields=["scored_until", "scored_as_of"])
            count += 1
    return count


def start_anew(segmentation: Segmentation, run: Run) -> None:
    """Everybody is looked at again with the model of `run`, as of today unless a person fixed another day."""
    is_fixed = segmentation.definition.get("as_of") == run.definition.get("as_of")
    segmentation.scored_as_of = None if is_fixed else datetime.now(UTC).date()
    segmentation.scored_until = 0


def is_outdated(run: Run) -> bool:
    """Whether it divides by purchases, and some came or went since it read them."""
    return run.started_at is not None and _divides_by_purchases(run) and purchases.changed_since(run.started_at)


def _divides_by_purchases(run: Run) -> bool:
    return bool(set(Definition.from_json(run.definition).feature_names) & set(purchases.FIGURES))
