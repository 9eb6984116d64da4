"""What the commands that import files have in common."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, ClassVar

import orjson
from django.core.files import File
from django.core.management.base import BaseCommand, CommandError

from customers import importing, starting
from customers.files.mapping import read_choices
from customers.models import Import
from customers.problems import file_problems_told
from segmentation_site.jobs.problems import Problem
from segmentation_site.jobs.terminal import carry_out_here

WRONG_USAGE = 2
REJECTED_SHOWN = 5


class ImportCommand(BaseCommand):
    """Imports one file; a subclass says of which kind and what else may be chosen."""

    kind: ClassVar[str]

    def choices(self, options: dict[str, Any]) -> starting.Choices:
        """What was chosen on the command line."""
        raise NotImplementedError

    def mapping(self, options: dict[str, Any]) -> dict[str, str]:
        """Header to attribute, of what was said with --map."""
        return read_choices(options["map"])

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "file", metavar="FILE", type=Path, help="CSV, TSV, XLSX, NDJSON or Parquet, also compressed with gzip"
        )
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar='"HEADER=target"',
            help="what a column means when its header is not recognised; target*1000 multiplies its numbers, nothing "
            "after = leaves it out; repeatable",
        )
        parser.add_argument("--dry-run", action="store_true", help="check and count, save nothing")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        one = carry_out_here(self._start(options), importing.execute)
        if options["json"]:
            sys.stdout.write(orjson.dumps(as_json(one)).decode() + "\n")
        else:
            self._tell(one)

    def _start(self, options: dict[str, Any]) -> Import:
        path: Path = options["file"]
        try:
            with path.open("rb") as file, file_problems_told():
                return starting.start_import(
                    File(file, name=path.name),
                    by=None,
                    kind=self.kind,
                    choices=self.choices(options),
                    ring=False,
                )
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.", returncode=WRONG_USAGE) from error
        except Problem as problem:
            is_usage = problem.pointer == "/mapping"
            raise CommandError(problem.detail, returncode=WRONG_USAGE if is_usage else 1) from problem

    def _tell(self, one: Import) -> None:
        would = "would be " if one.is_dry_run else ""
        self.stdout.write(
            f"{one.rows:,} rows: {one.created:,} {would}created, {one.updated:,} {would}updated, "
            f"{one.unchanged:,} unchanged, {one.rejected:,} rejected."
        )
        for row in one.rejected_rows.all()[:REJECTED_SHOWN]:
            reasons = " ".join(_reason(**reason) for reason in row.reasons)
            self.stdout.write(f"  line {row.line}: {reasons}")
        if (one.rejected or 0) > REJECTED_SHOWN:
            self.stdout.write(f"  … all of them on the page /imports/{one.public_id}")


def _reason(field: str, code: str, detail: str) -> str:
    return f"{field}: {detail}" if field else detail


def as_json(one: Import) -> dict[str, Any]:
    """A finished import as the interface's JSON of this command."""
    return {
        "import": one.public_id,
        "status": one.status,
        "rows": one.rows,
        "created": one.created,
        "updated": one.updated,
        "unchanged": one.unchanged,
        "rejected": one.rejected,
        "dry_run": one.is_dry_run,
        "seconds": round(one.elapsed.total_seconds(), 3) if one.elapsed else None,
    }
