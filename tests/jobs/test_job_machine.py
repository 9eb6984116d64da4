"""Whatever happens to a job, in whatever order.

A machine does it all, and knows what must be true after each step.
"""

from dataclasses import dataclass, field

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from customers.models import Customer
from segmentation_site.jobs import leases, sweeping
from segmentation_site.jobs.leases import Cancelled, Lease, LeaseLost
from segmentation_site.jobs.models import ACTIVE, JobStatus
from segments import starting
from segments.models import Run, Segmentation

TERMINAL = (JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)
DEFINITION = {"features": [{"name": "age"}], "scaling": "standard", "k": 2, "k_range": [2, 10], "seed": 0}


@dataclass
class Expected:
    """What the row of a job must say."""

    status: str = JobStatus.QUEUED
    attempt: int = 0
    holder: Lease[Run] | None = None
    is_expired: bool = False
    is_cancel_requested: bool = False
    effects: set[str] = field(default_factory=set)


class Jobs(RuleBasedStateMachine):
    """Runs of two segmentations, with workers that come, die, freeze and wake up, a sweeper, and people who cancel."""

    runs = Bundle("runs")
    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        Customer.objects.all().delete()
        Run.objects.all().delete()
        Segmentation.objects.all().delete()
        self.segmentations = [
            Segmentation.objects.create(name=name, slug=name, definition=DEFINITION) for name in ("one", "two")
        ]
        self.expected: dict[int, Expected] = {}
        self.deaf: set[int] = set()
        self.writes = 0

    @rule(target=runs, which=st.integers(0, 1))
    def somebody_starts_a_run(self, which: int) -> int:
        segmentation = self.segmentations[which]
        active = Run.objects.filter(segmentation=segmentation, status__in=ACTIVE).first()
        if active is not None:
            with pytest.raises(starting.AlreadyRunning) as refused:
                starting.start_run(segmentation, by=None, ring=False)
            assert refused.value.members == {"run": active.public_id}
            return active.pk
        run = starting.start_run(segmentation, by=None, ring=False)
        self.expected[run.pk] = Expected()
        return run.pk

    @rule(target=held, pk=runs)
    def a_message_is_delivered(self, pk: int) -> Lease[Run] | None:
        lease = leases.claim(Run, pk)
        expected = self.expected[pk]
        assert (lease is not None) == (expected.status == JobStatus.QUEUED), "claimed only when it waits"
        if lease is not None:
            expected.status, expected.holder, expected.is_expired = JobStatus.RUNNING, lease, False
            expected.attempt += 1
        return lease

    @rule(lease=held)
    def a_worker_writes_a_result(self, lease: Lease[Run] | None) -> None:
        if lease is None:
            return
        expected = self.expected[lease.job.pk]
        self.writes += 1
        name = f"{lease.job.pk}-{self.writes}"
        try:
            with lease.writing():
                Customer.objects.create(external_id=name)
        except (LeaseLost, Cancelled):
            assert expected.holder is not lease or expected.is_cancel_requested
        else:
            assert expected.holder is lease, "only the holder writes"
            expected.effects.add(name)
            expected.is_expired = False

    @rule(lease=held, succeeds=st.booleans())
    def a_worker_comes_to_an_end(self, lease: Lease[Run] | None, succeeds: bool) -> None:
        if lease is None:
            return
        expected = self.expected[lease.job.pk]
        try:
            if succeeds:
                lease.finish(k=2)
            else:
                lease.fail("unexpected", "It broke.")
        except LeaseLost:
            assert expected.holder is not lease
        except Cancelled:
            assert succeeds, "a failure is told in any case"
            assert expected.is_cancel_requested
        else:
            assert expected.holder is lease, "only the holder ends it"
            expected.status = JobStatus.DONE if succeeds else JobStatus.FAILED
            expected.holder = None

    @rule(lease=held)
    def a_heart_beats(self, lease: Lease[Run] | None) -> None:
        if lease is None:
            return
        expected = self.expected[lease.job.pk]
        lease.beat()
        if expected.holder is lease:
            expected.is_expired = False

    @rule(pk=runs)
    def a_worker_is_killed_or_frozen(self, pk: int) -> None:
        expected = self.expected[pk]
        if expected.status == JobStatus.RUNNING:
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE segments_run SET lease_expires_at = clock_timestamp() - interval '1 second' WHERE id = %s",
                    [pk],
                )
            expected.is_expired = True

    @rule(pk=runs)
    def somebody_cancels(self, pk: int) -> None:
        expected = self.expected[pk]
        answered = leases.request_cancel(Run.objects.get(pk=pk))
        assert answered == (expected.status not in TERMINAL)
        if expected.status == JobStatus.QUEUED:
            expected.status = JobStatus.CANCELLED
        elif expected.status == JobStatus.RUNNING:
            expected.is_cancel_requested = True

    @precondition(lambda self: self.expected)
    @rule()
    def the_sweeper_comes(self) -> None:
        sweeping.sweep()
        for expected in self.expected.values():
            if expected.status == JobStatus.RUNNING and expected.is_expired:
                expected.holder, expected.is_expired = None, False
                if expected.is_cancel_requested:
                    expected.status = JobStatus.CANCELLED
                else:
                    expected.status = JobStatus.QUEUED if expected.attempt < 3 else JobStatus.FAILED

    @invariant()
    def every_row_says_what_happened(self) -> None:
        for run in Run.objects.all():
            expected = self.expected[run.pk]
            assert (run.status, run.attempt) == (expected.status, expected.attempt)
            assert (run.lease_token is not None) == (expected.status == JobStatus.RUNNING)
            assert (run.finished_at is not None) == (expected.status in TERMINAL)
            assert run.attempt <= run.max_attempts

    @invariant()
    def a_segmentation_has_at_most_one_active_run(self) -> None:
        for segmentation in self.segmentations:
            assert Run.objects.filter(segmentation=segmentation, status__in=ACTIVE).count() <= 1

    @invariant()
    def only_what_holders_wrote_is_there(self) -> None:
        there = set(Customer.objects.values_list("external_id", flat=True))
        assert there == set().union(*(expected.effects for expected in self.expected.values()))


@pytest.mark.django_db(transaction=True)
def test_no_order_of_events_loses_a_job_or_carries_it_out_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    # Backends of this very process would be ended: the machine plays every worker on one connection.
    monkeypatch.setattr(sweeping, "_terminate_backend", lambda job: None)
    monkeypatch.setattr("segmentation_site.jobs.bell.current_app.send_task", lambda *args, **kwargs: None)
    run_state_machine_as_test(
        Jobs,
        settings=settings(
            max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
