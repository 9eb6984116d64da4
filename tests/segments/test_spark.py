"""Spark finds what this machine finds, behind every door; a real one, with two processes on this machine.

All that needs Spark is here, because it takes long to begin: one session in this process and one in a worker.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from celery import current_app
from django.conf import settings as site
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from segments.kmeans import fitting
from segments.kmeans.engines import needs, snapshot
from segments.kmeans.model import nearest_two
from segments.kmeans.shapes import FloatMatrix, Prepared
from segments.models import Run, Segmentation
from tests import given
from tests.conftest import ROOT
from tests.segments import given as given_segments

MASTER = "local[2]"
MISSING = needs.obstacle(MASTER)
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"NO SPARK HERE, so its engine was NOT tested: {MISSING}")
SpreadOver = Callable[[Prepared], "Spark"]

if not MISSING:
    from pyspark.sql import SparkSession

    from segments.kmeans.engines import spark
    from segments.kmeans.engines.spark import Spark


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator["SparkSession"]:
    """The one session of this process; whoever asks for one gets it."""
    with spark.session(MASTER, tmp_path_factory.mktemp("spill")) as begun:
        yield begun


@pytest.fixture
def spread_over(session: "SparkSession", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SpreadOver:
    """`spread_over(prepared)` is the engine on a snapshot of several small files."""
    monkeypatch.setattr(snapshot, "ROWS_IN_A_FILE", 4_000)
    return lambda prepared: Spark(session, prepared, tmp_path / "run", salt=0)


@pytest.fixture
def on_spark(session: "SparkSession", settings: object, tmp_path: Path) -> Path:
    """The site is set to use Spark; the folder in which snapshots lie."""
    settings.SPARK_MASTER = MASTER  # type: ignore[attr-defined]
    settings.SPARK_FOLDER = tmp_path / "snapshots"  # type: ignore[attr-defined]
    return tmp_path / "snapshots"


def blobs(rows: int, *, groups: int = 5, features: int = 4, apart: float = 3.0) -> FloatMatrix:
    random = np.random.default_rng(1)
    middles = random.uniform(-apart, apart, (groups, features))
    # Far from zero: single precision alone would lose most of what tells them apart.
    return 100_000 + middles[random.integers(0, groups, rows)] + random.normal(0, 1, (rows, features))


def prepared(z: FloatMatrix) -> Prepared:
    return Prepared(ids=np.arange(7, len(z) + 7), z=z, raw=z, specs=())


@pytest.mark.parametrize("rows", [900, 120_000])
def test_it_finds_the_very_groups_that_this_machine_finds(spread_over: SpreadOver, rows: int) -> None:
    everybody = prepared(blobs(rows))
    here = fitting.fit(everybody, 5, seed=0)
    there = fitting.fit(everybody, 5, seed=0, engine=spread_over(everybody))

    assert there.inertia == pytest.approx(here.inertia, rel=1e-6)
    assert there.iterations == here.iterations
    assert there.labels.tolist() == here.labels.tolist()
    assert there.runner_up.tolist() == here.runner_up.tolist()
    np.testing.assert_allclose(there.centroids, here.centroids, rtol=1e-9)
    np.testing.assert_allclose(there.distance, here.distance, rtol=1e-3)


def test_what_lies_between_two_groups_goes_where_the_model_would_score_it(spread_over: SpreadOver) -> None:
    everybody = prepared(np.array([[0.0, 0.1]] * 30 + [[1.0, 0.1]] * 20 + [[2.0, 0.1]] * 60))
    centres = np.array([[0.0, 0.1], [2.0, 0.1]])
    there = spread_over(everybody).partition(centres, iterations=1, restarts=1)
    scored = nearest_two(everybody.z, there.centroids)

    assert there.sizes.tolist() == [80, 30]
    assert there.labels.tolist() == scored.nearest.tolist()
    assert there.runner_up.tolist() == scored.runner_up.tolist()


def test_it_can_be_stopped_between_passes(spread_over: SpreadOver) -> None:
    class Stop(Exception):
        pass

    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Stop

    everybody = prepared(blobs(900))
    with pytest.raises(Stop):
        spread_over(everybody).ended([everybody.z[:5]], check)
    assert calls == 2


def test_a_command_runs_the_mall_there_and_it_comes_out_the_same_again_here_and_there(
    mall: object, on_spark: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--features", "annual_income,spending_score", "--k", "5", "--scaling", "none", "--engine", "spark"]
    call_command("segment", "--name", "Mall", *options, "--json")
    printed = json.loads(capsys.readouterr().out)
    assert printed["inertia"] == pytest.approx(44448.4554, abs=0.01)
    assert [one["size"] for one in printed["segments"]] == [81, 39, 35, 23, 22]
    model = Run.objects.get().model or {}
    assert model["fit"]["engine"] == "spark"
    assert {"pyspark", "pyarrow", "numpy"} <= set(model["fit"]["versions"])
    assert not list(on_spark.iterdir())

    for engine, is_bitwise in (("auto", True), ("local", False)):
        call_command("reproduce", printed["run"], "--engine", engine, "--json")
        told = json.loads(capsys.readouterr().out)
        assert (told["differences"], told["bitwise"]) == ([], is_bitwise)


def test_what_is_too_large_for_this_machine_goes_there_by_itself(
    segmentation: Segmentation, on_spark: Path, settings: object
) -> None:
    values = given_segments.values_of(segmentation)
    settings.JOB_MEMORY_BYTES = values * 8 * 3  # type: ignore[attr-defined]
    assert (given_segments.run(segmentation).model or {})["fit"]["engine"] == "spark"
    settings.JOB_MEMORY_BYTES = values * 8 * 4  # type: ignore[attr-defined]
    assert (given_segments.run(segmentation).model or {})["fit"]["engine"] == "local"


def test_a_spark_that_gives_up_fails_the_run_and_leaves_no_snapshot(
    segmentation: Segmentation, on_spark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_segments.redefine(segmentation, engine="spark")
    # Its processes cannot use what they are sent.
    monkeypatch.setattr("segments.kmeans.engines.passes.SUMS", "first bigint, sums array<string>")
    run = given_segments.run(segmentation)
    assert (run.status, run.error_code) == ("failed", "spark_failed")
    assert "Nothing was changed" in run.error_detail
    assert not list(on_spark.iterdir())


@pytest.fixture
def spark_worker(transactional_db: None) -> Iterator[None]:
    """A real worker that may use Spark."""
    current_app.control.purge()
    process = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "segmentation_site", "worker", "--concurrency=1", "--loglevel=WARNING"],
        cwd=ROOT,
        env=os.environ
        | {
            "DATABASE_URL": given.url_of_test_database(),
            "SEGMENTATION_PROCESS": "worker",
            "JOB_SWEEP_SECONDS": "86400",
            "SPARK_MASTER": MASTER,
        },
        start_new_session=True,
    )
    yield
    process.terminate()
    process.wait(90)


def test_a_person_chooses_it_on_the_page_and_sees_there_where_it_was_computed(
    mall: object, on_spark: Path, spark_worker: None, signed_in: Callable[[User], Client]
) -> None:
    browser = signed_in(given.person("analyst", "ann"))
    assert 'name="engine"' in browser.get("/segmentations/new").content.decode()
    form = {
        "name": "On many machines",
        "features": ["annual_income", "spending_score"],
        "scaling": "standard",
        "how": "fixed",
        "k": 5,
        "seed": 0,
        "engine": "spark",
    }
    assert browser.post("/segmentations/new", form).status_code == 302
    run = Run.objects.get()
    given.eventually(lambda: not Run.objects.get().is_active, seconds=300, what="the run on Spark")
    page = browser.get(f"/runs/{run.public_id}").content.decode()
    assert Run.objects.get().error_detail == ""
    assert "Where it was computed" in page
    assert "On Spark" in page
    assert "pyspark" in page
    # The worker's own folder of snapshots.
    assert not list((Path(site.DATA_DIR) / "spark").iterdir())
