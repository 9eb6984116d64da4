"""Somebody reads the feed while four others publish, roll back and erase: nothing is missed, nothing comes twice."""

import random
import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import close_old_connections, connections

from customers import erasing, writing
from customers.models import Customer
from segments import publishing, recording, scoring
from segments.models import Assignment, Change, Run, Segment, Segmentation
from tests.api.calling import Caller, data
from tests.segments import given

PUBLICATIONS_EACH = 5
THREADS = 4


def in_threads(*works: Callable[[], None]) -> None:
    """All of them at once; what one of them raises is raised here."""
    failures: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=guarded, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class Puller:
    """A program that keeps who is where, and one number."""

    def __init__(self, segmentation: Segmentation) -> None:
        self._caller, self._path = Caller("members:read"), f"/segmentations/{segmentation.slug}/changes"
        self.members: dict[str, str] = {}
        self.seen: list[int] = []

    def pull(self) -> int:
        """How many changes the next page had."""
        since = self.seen[-1] if self.seen else 0
        changes = data(self._caller.get(self._path, {"since": since, "page_size": 37}))["results"]
        for one in changes:
            self.seen.append(one["sequence"])
            if one["to_segment_id"] is None:
                self.members.pop(one["external_id"], None)
            else:
                self.members[one["external_id"]] = one["to_segment_id"]
        return len(changes)


@pytest.mark.django_db(transaction=True)
def test_a_puller_that_stores_one_number_ends_equal_to_the_database(
    segmentation: Segmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever joins is told ahead of time, as many are.
    monkeypatch.setattr(recording, "MANY", 1)
    runs = []
    for seed, k in enumerate((5, 4, 3, 6)):
        given.redefine(segmentation, k=k)
        runs.append(given.publish(given.run(segmentation, seed=seed)))
    puller = Puller(segmentation)
    is_over = threading.Event()

    def pull() -> None:
        while not is_over.is_set():
            puller.pull()
        while puller.pull():
            pass

    def publish(number: int) -> None:
        chance = random.Random(number)
        for _ in range(PUBLICATIONS_EACH):
            close_old_connections()
            publishing.publish(Run.objects.get(pk=chance.choice(runs).pk), by=None)

    def disturb() -> None:
        for number in range(15):
            erasing.erase([str(5 + number)])
            writing.write([{"external_id": str(100 + number), "spending_score": float(number)}])
            scoring.score_changes()

    def work() -> None:
        try:
            in_threads(*(partial(publish, number) for number in range(THREADS)), disturb)
            scoring.score_changes()
        finally:
            is_over.set()

    in_threads(pull, work)
    segmentation.refresh_from_db()
    public_ids = dict(Segment.objects.values_list("pk", "public_id"))
    names = dict(Customer.objects.values_list("pk", "external_id"))
    places = Assignment.objects.filter(run_id=segmentation.published_run_id or 0).values_list(
        "customer_id", "segment_id"
    )
    assert puller.members == {names[customer]: public_ids[segment] for customer, segment in places}
    assert puller.seen == sorted(set(puller.seen))
    told = {
        one["sequence"]
        for one in Caller("members:read").pull(f"/segmentations/{segmentation.slug}/changes", {"page_size": 1000})
    }
    assert told <= set(puller.seen), "what the feed tells whoever comes now was told to who read all the while"
    assert Change.objects.filter(segmentation_id=segmentation.pk).count() >= len(puller.seen)
