"""The three largest wins: how it was done, or is done elsewhere, beside how it is done, with a profile of each.

A profile says where the time goes: the own seconds of what took most, by cProfile, in one round that is not measured.
"""

import cProfile
import csv
import io
import pstats
from collections.abc import Callable

import numpy as np

from benchmarks import given
from benchmarks.measuring import Claim, Contestant, Measured, interleaved
from benchmarks.runs import FEATURES
from customers.columns import read_columns
from customers.models import Customer
from segments.browsing.members import Members, Stream
from segments.models import Run

SHOWN = 4
ONE = "external_id,age\nsomebody-else,40\n"


def measure_wins(customers: int, rounds: int) -> Measured:
    """Import into the empty table, reading features, everybody as CSV; each must be at least so many times faster."""
    from benchmarks.publishing import _published

    path = given.customers_file(customers)
    merged, beside = "first import by staging and MERGE", "first import beside the empty table"
    importing = {
        merged: Contestant(lambda: given.imported(path), before=_somebody),
        beside: Contestant(lambda: given.imported(path), before=given.nobody),
    }
    seconds = interleaved(importing, rounds)
    given.vacuum()
    run = _published()
    objects, binary = "features by values_list", "features as binary columns"
    rows, pieces = "everybody by csv.writer", "everybody by COPY in pieces of 64 KB"
    reading: dict[str, Contestant] = {
        objects: Contestant(_by_values_list),
        binary: Contestant(lambda: read_columns(FEATURES)),
        rows: Contestant(lambda: _by_writer(run)),
        pieces: Contestant(lambda: [None for _ in Members(run).stream(Stream.CSV)]),
    }
    seconds |= interleaved(reading, rounds)
    notes = [f"{name}: {_profile(one.work)}" for name, one in reading.items()]
    for name, one in importing.items():
        one.before()
        notes.append(f"{name}: {_profile(one.work)}")
    claims = (Claim(beside, merged, 0.7), Claim(binary, objects, 0.5), Claim(pieces, rows, 0.25))
    return Measured(f"three ways of {customers:,} customers, before and now", seconds, claims, tuple(notes))


def _somebody() -> None:
    """A table that is not empty, so that an import goes the way that every later one goes."""
    from django.core.files.base import ContentFile

    from customers import importing, starting
    from customers.models import Import
    from segmentation_site.jobs import leases

    given.nobody()
    one = starting.start_import(ContentFile(ONE.encode(), name="one.csv"), by=None, ring=False)
    leases.carry_out(Import, one.pk, importing.execute)


def _by_values_list() -> None:
    np.array(list(Customer.objects.order_by("pk").values_list("pk", *FEATURES)), dtype=np.float64)


def _by_writer(run: Run) -> None:
    """The same facts, from objects of models with relations, written one by one."""
    from benchmarks.peers import member_models

    into = csv.writer(io.StringIO())
    for one in member_models(run.pk).order_by("customer_id").iterator(2_000):
        joined = one.joined_run
        facts = one.segment.public_id, one.distance, one.runner_up_distance, joined.published_at, joined.public_id
        into.writerow([one.customer.external_id, *facts])


def _profile(work: Callable[[], object]) -> str:
    profile = cProfile.Profile()
    profile.runcall(work)
    found = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    most = sorted(found.items(), key=lambda one: -one[1][2])[:SHOWN]
    return "; ".join(f"{own:.2f} s {name} × {calls:,}" for (_, _, name), (_, calls, own, _, _) in most)
