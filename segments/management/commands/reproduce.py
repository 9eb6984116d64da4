"""`manage.py reproduce`: whether a run comes out the same again."""

import sys
from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from segmentation_site.jobs.models import JobStatus
from segmentation_site.jobs.problems import Problem
from segments.kmeans.shapes import EngineChoice
from segments.models import Run


class Command(BaseCommand):
    help = "Do a run again from the definition and the seed that it froze, and say whether the same comes out."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", metavar="RUN", help="the run's id, run_…")
        parser.add_argument("--threads", type=int, default=1, help="how many the fits may use; 1 by default")
        parser.add_argument(
            "--engine",
            choices=[one.value for one in EngineChoice],
            default=EngineChoice.AUTO.value,
            help="where the fits are made; auto (default) is where the run made them",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        from segments import reproducing

        run = Run.objects.select_related("segmentation").filter(public_id=options["run"]).first()
        if run is None:
            raise CommandError(f"There is no run {options['run']}.", returncode=2)
        if run.status != JobStatus.DONE:
            raise CommandError(f"{run.public_id} has no results: it is {run.state.label.lower()}.", returncode=2)
        if options["threads"] < 1:
            raise CommandError("--threads: at least 1.", returncode=2)
        try:
            found = reproducing.reproduce(run, threads=options["threads"], engine=EngineChoice(options["engine"]))
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        if options["json"]:
            told = {
                "run": run.public_id,
                "equal": found.is_equal,
                "bitwise": found.is_bitwise,
                "differences": found.differences,
            }
            sys.stdout.write(orjson.dumps(told).decode() + "\n")
        elif found.is_equal:
            bits = "to the last bit" if found.is_bitwise else "but for the last bits of sums"
            self.stdout.write(f"Equal, {bits}.")
        if not found.is_equal:
            raise CommandError(" ".join(found.differences))
