"""`manage.py segment`: define a segmentation, carry out a run of it here and now, and publish it if asked."""

import sys
from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from segmentation_site.jobs.problems import Problem
from segmentation_site.jobs.terminal import carry_out_here
from segments import defining, running, starting
from segments.kmeans.shapes import Definition, EngineChoice, Scaling
from segments.models import Run, Segmentation, SegmentProfile


class Command(BaseCommand):
    help = "Divide all customers into segments by K-means."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--name", required=True, help="name of the segmentation; one of that name is changed and run again"
        )
        parser.add_argument("--features", required=True, help="keys of attributes, separated by commas")
        parser.add_argument("--k", default="auto", help="number of segments, or auto (default)")
        parser.add_argument("--k-range", default="2-10", help="what auto chooses from (default 2-10)")
        parser.add_argument("--scaling", choices=[scaling.value for scaling in Scaling], default=Scaling.STANDARD.value)
        parser.add_argument("--seed", default="0", help="the same seed gives the same segments (default 0)")
        parser.add_argument(
            "--engine",
            choices=[one.value for one in EngineChoice],
            default=EngineChoice.AUTO.value,
            help="auto (default) is this machine, or Spark, where that is set, for what is too large for it",
        )
        parser.add_argument("--publish", action="store_true", help="let readers see the result at once")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            segmentation = self._define(options)
        except Problem as problem:
            raise CommandError(_in_options(problem), returncode=2) from problem
        try:
            run = starting.start_run(segmentation, by=None, publish=options["publish"], ring=False)
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        run = carry_out_here(run, running.execute)
        if options["json"]:
            sys.stdout.write(orjson.dumps(as_json(run)).decode() + "\n")
        else:
            self._tell(run)

    def _define(self, options: dict[str, Any]) -> Segmentation:
        low, _, high = options["k_range"].partition("-")
        definition: Definition = defining.read_definition(
            {
                "features": [name.strip() for name in options["features"].split(",") if name.strip()],
                "scaling": options["scaling"],
                "k": options["k"],
                "k_range": [low, high] if high else [low],
                "seed": options["seed"],
                "engine": options["engine"],
            }
        )
        existing = Segmentation.objects.filter(name=" ".join(options["name"].split())).first()
        if existing is not None:
            return defining.change_segmentation(existing, definition=definition)
        return defining.create_segmentation(name=options["name"], definition=definition)

    def _tell(self, run: Run) -> None:
        report = as_json(run)
        self.stdout.write(
            f"{report['customers']} customers in {report['k']} segments ({report['status']}). {run.reason}"
        )
        for segment in report["segments"]:
            centroid = ", ".join(f"{name} {value:.1f}" for name, value in segment["centroid"].items())
            self.stdout.write(f"  {segment['size']:>9,}  {segment['share']:>4.0%}  {segment['name']}  ({centroid})")
        for warning in run.warnings:
            self.stdout.write(self.style.WARNING(warning))


def _in_options(problem: Problem) -> str:
    """The problem with the option at fault: a pointer such as /k_range/0 is into --k-range."""
    field = problem.pointer.lstrip("/").partition("/")[0]
    return f"--{field.replace('_', '-')}: {problem.detail}" if field else problem.detail


def as_json(run: Run) -> dict[str, Any]:
    """A finished run as the interface's JSON of this command."""
    profiles = SegmentProfile.objects.filter(run=run, segment__isnull=False).select_related("segment")
    return {
        "segmentation": run.segmentation.slug,
        "run": run.public_id,
        "status": run.state.value,
        "k": run.k,
        "customers": run.customers,
        "inertia": run.inertia,
        "silhouette": run.silhouette,
        "verdict": run.verdict,
        "reason": run.reason,
        "warnings": run.warnings,
        "seconds": round(run.elapsed.total_seconds(), 3) if run.elapsed else None,
        "candidates": list(
            run.candidates.order_by("k").values(
                "k", "inertia", "silhouette", "davies_bouldin", "calinski_harabasz", "stability"
            )
        ),
        "segments": [
            {
                "id": profile.segment.public_id,
                "name": profile.segment.name,
                "size": profile.size,
                "share": profile.share,
                "centroid": profile.content["centroid"],
            }
            for profile in profiles
            if profile.segment is not None
        ],
    }
