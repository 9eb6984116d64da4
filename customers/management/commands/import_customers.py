"""`manage.py import_customers`: a file with customers, imported here and now."""

from argparse import ArgumentParser
from typing import Any

from customers.management.importing import ImportCommand
from customers.models import EmptyCells, Import, ImportMode
from customers.starting import Choices


class Command(ImportCommand):
    help = "Import customers from a file: check every row, add and update, and report what was rejected."
    kind = Import.Kind.CUSTOMERS

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--mode", choices=ImportMode.values, default=ImportMode.UPSERT.value)
        parser.add_argument(
            "--empty-cells",
            choices=EmptyCells.values,
            default=EmptyCells.LEAVE.value,
            help="what an empty cell does to a known value",
        )

    def choices(self, options: dict[str, Any]) -> Choices:
        return Choices(
            mapping=self.mapping(options),
            mode=options["mode"],
            empty_cells=options["empty_cells"],
            is_dry_run=options["dry_run"],
        )
