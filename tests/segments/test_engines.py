"""Where a run is computed is asked for and refused in words; none of this needs Java."""

from pathlib import Path

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command

from segments.kmeans.engines import needs
from segments.models import Run, Segmentation
from tests.segments import given

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def without_java(settings: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spark is set, its libraries are there, and Java is not."""
    settings.SPARK_MASTER = "local[2]"  # type: ignore[attr-defined]
    settings.SPARK_FOLDER = tmp_path / "spark"  # type: ignore[attr-defined]
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setattr(needs, "LIBRARIES", ("numpy",))


def test_a_run_says_where_it_was_computed(segmentation: Segmentation) -> None:
    assert (given.run(segmentation).model or {})["fit"]["engine"] == "local"


def test_spark_cannot_be_asked_for_where_none_is_set(mall: object) -> None:
    with pytest.raises(CommandError, match="--engine: No Spark is set: SPARK_MASTER is empty") as refused:
        call_command("segment", "--name", "Mall", "--features", "age", "--engine", "spark")
    assert refused.value.returncode == 2
    assert not Segmentation.objects.exists()


def test_a_run_without_java_fails_and_says_what_to_do(segmentation: Segmentation, without_java: None) -> None:
    given.redefine(segmentation, engine="spark")
    run = given.run(segmentation)
    assert (run.status, run.error_code) == ("failed", "spark_unavailable")
    assert "has no Java" in run.error_detail
    assert "Install Java 17 or newer" in run.error_detail
    assert [one.id for one in run_checks() if "Java" in one.msg] == ["segments.W001"]


def test_a_run_that_fits_here_stays_here_although_there_is_a_spark(
    segmentation: Segmentation, without_java: None
) -> None:
    assert (given.run(segmentation).model or {})["fit"]["engine"] == "local"


def test_a_run_without_the_libraries_fails_and_names_them(
    segmentation: Segmentation, without_java: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(needs, "LIBRARIES", ("numpy", "sparkling_snow"))
    given.redefine(segmentation, engine="spark")
    assert "lacks sparkling_snow. Install what Spark needs" in given.run(segmentation).error_detail


def test_what_was_computed_here_cannot_be_done_again_where_there_is_no_spark(segmentation: Segmentation) -> None:
    given.run(segmentation)
    with pytest.raises(CommandError, match="SPARK_MASTER is empty"):
        call_command("reproduce", Run.objects.get().public_id, "--engine", "spark")
