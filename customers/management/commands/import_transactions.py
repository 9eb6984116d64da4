"""`manage.py import_transactions`: a file with purchases, imported here and now."""

from argparse import ArgumentParser
from typing import Any

from customers.management.importing import ImportCommand
from customers.models import Import
from customers.starting import Choices


class Command(ImportCommand):
    help = "Import purchases from a file; customers who are not known yet are added, orders that are known are not."
    kind = Import.Kind.TRANSACTIONS

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--source", default="", help="the shop or system that the order ids are of")

    def choices(self, options: dict[str, Any]) -> Choices:
        return Choices(mapping=self.mapping(options), is_dry_run=options["dry_run"], source=options["source"])
