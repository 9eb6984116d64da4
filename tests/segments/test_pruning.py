"""Old runs give back their room, and nothing that somebody still uses goes with them."""

import pytest

from segments import pruning
from segments.models import Assignment, Segmentation
from segments.publishing import Pruned, publish
from tests import given as anywhere
from tests.segments import given

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_run_in_use_and_the_newest_others_are_kept(segmentation: Segmentation, settings: object) -> None:
    settings.RUNS_KEPT = 1  # type: ignore[attr-defined]
    in_use = given.publish(given.run(segmentation))
    old, new = given.run(segmentation), given.run(segmentation)

    assert pruning.prune() == 1
    assert pruning.prune() == 0

    runs = [in_use.pk, old.pk, new.pk]
    kept = set(Assignment.objects.filter(run_id__in=runs).values_list("run_id", flat=True))
    assert kept == {in_use.pk, new.pk}
    old.refresh_from_db()
    assert old.candidates.exists(), "what it found is kept"
    with pytest.raises(Pruned):
        publish(old, by=None)


def test_a_run_that_is_put_to_use_at_that_moment_is_kept(segmentation: Segmentation, settings: object) -> None:
    settings.RUNS_KEPT = 1  # type: ignore[attr-defined]
    runs = [given.run(segmentation), given.run(segmentation)]
    held = f"SELECT 1 FROM segments_segmentation WHERE id = {segmentation.pk} FOR NO KEY UPDATE"
    with anywhere.somebody_holds(held) as publishing:
        pruned = anywhere.aside(pruning.prune)
        anywhere.wait_for_somebody_who_waits()
        publishing.execute("UPDATE segments_segmentation SET published_run_id = %s", [runs[0].pk])
        publishing.commit()
    assert pruned.result() == 0
