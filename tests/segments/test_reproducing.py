"""A run comes out the same again, or it is said what differs."""

import json

import pytest
from django.core.management import CommandError, call_command

from customers import writing
from segments.models import Assignment, Segmentation
from tests.segments import given

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("k", [5, None])
def test_the_mall_comes_out_the_same_with_one_thread_and_with_two(
    segmentation: Segmentation, capsys: pytest.CaptureFixture[str], threads: int, k: int | None
) -> None:
    if k is None:
        given.redefine(segmentation, k="auto", k_range=[4, 6], scaling="standard")
    run = given.run(segmentation)
    call_command("reproduce", run.public_id, "--threads", str(threads), "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["equal"], told["differences"]) == (True, [])
    assert told["bitwise"] or threads > 1


def test_customers_who_changed_since_are_said_to_be_why(segmentation: Segmentation) -> None:
    run = given.run(segmentation)
    writing.write([{"external_id": "1", "annual_income": 99}])
    with pytest.raises(CommandError, match="The customers are not those that the run read"):
        call_command("reproduce", run.public_id)


def test_what_was_tampered_with_is_found(segmentation: Segmentation) -> None:
    run = given.run(segmentation)
    some = Assignment.objects.filter(run_id=run.pk).order_by("customer_id")
    other = some.exclude(segment_id=some[0].segment_id)[0].segment_id
    Assignment.objects.filter(run_id=run.pk, customer_id=some[0].customer_id).update(segment_id=other)
    with pytest.raises(CommandError, match="1 of 200 customers come into another segment"):
        call_command("reproduce", run.public_id)


def test_a_run_without_results_cannot_be_done_again(segmentation: Segmentation) -> None:
    with pytest.raises(CommandError, match="There is no run run_nothing"):
        call_command("reproduce", "run_nothing")
