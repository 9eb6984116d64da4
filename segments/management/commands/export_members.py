"""`manage.py export_members`: the members of a segment in use as a file, here and now."""

import shutil
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import orjson
from django.core.files.storage import default_storage
from django.core.management.base import BaseCommand, CommandError

from segmentation_site.jobs.problems import Problem
from segmentation_site.jobs.terminal import carry_out_here
from segments import delivering, exporting
from segments.models import Export, FileFormat, Hashing, Segment


class Command(BaseCommand):
    help = "Write the members of a segment in use into a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("segment", metavar="SEGMENT_ID")
        parser.add_argument("--format", choices=FileFormat.values, default=FileFormat.CSV.value)
        parser.add_argument(
            "--hashed",
            nargs="?",
            const=Hashing.GOOGLE.value,
            default=Hashing.NONE.value,
            choices=[one for one in Hashing.values if one != Hashing.NONE],
            help="for an advertising platform; google without a word",
        )
        parser.add_argument("--columns", default="", help="keys of attributes, separated by commas")
        parser.add_argument("--all", action="store_true", help="also customers who did not agree to be contacted")
        parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to write; standard output without")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else; needs -o")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["json"] and options["output"] is None:
            raise CommandError("--json needs -o FILE: standard output cannot hold both.", returncode=2)
        segment = Segment.objects.select_related("segmentation__published_run").filter(public_id=options["segment"])
        found = segment.first()
        if found is None:
            raise CommandError(f"There is no segment {options['segment']}.", returncode=2)
        try:
            export = exporting.start_export(
                found.segmentation,
                found,
                by=None,
                format=options["format"],
                hashed=options["hashed"],
                columns=[name.strip() for name in options["columns"].split(",") if name.strip()],
                contactable_only=not options["all"],
                ring=False,
            )
            export = carry_out_here(export, delivering.execute)
            name = exporting.fetch(export, by=None)
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        self._hand_over(export, name, options["output"])
        if options["json"]:
            told = {"export": export.public_id, "rows": export.rows, "left_out": export.left_out, "size": export.size}
            sys.stdout.write(orjson.dumps(told).decode() + "\n")

    def _hand_over(self, export: Export, name: str, output: Path | None) -> None:
        try:
            with default_storage.open(name) as file:
                if output is None:
                    shutil.copyfileobj(file, sys.stdout.buffer)
                    return
                output.touch(mode=0o600)
                with output.open("wb") as target:
                    shutil.copyfileobj(file, target)
        except OSError as error:
            raise CommandError(f"{output}: {error.strerror}. The export {export.public_id} is kept.") from error
        self.stderr.write(f"{export.rows:,} customers in {output}")
