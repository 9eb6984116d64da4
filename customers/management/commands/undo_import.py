"""`manage.py undo_import`: taking an import back, here and now."""

import sys
from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from customers import undoing
from customers.models import Import
from segmentation_site.jobs.problems import Problem
from segmentation_site.jobs.terminal import carry_out_here


class Command(BaseCommand):
    help = "Take an import back: who came with it goes, what it changed comes back, what changed afterwards stays."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("import_id", metavar="IMPORT", help="the import's id, imp_…")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        one = Import.objects.filter(public_id=options["import_id"]).first()
        if one is None:
            raise CommandError(f"There is no import {options['import_id']}.", returncode=2)
        try:
            undo = carry_out_here(undoing.start_undo(one, by=None, ring=False), undoing.execute)
        except Problem as problem:
            raise CommandError(problem.detail) from problem
        told = {
            "import": one.public_id,
            "status": "undone",
            "removed": undo.removed,
            "restored": undo.restored,
            "kept": undo.kept,
            "transactions_removed": undo.transactions_removed,
            "seconds": round(undo.elapsed.total_seconds(), 3) if undo.elapsed else None,
        }
        if options["json"]:
            sys.stdout.write(orjson.dumps(told).decode() + "\n")
        else:
            self.stdout.write(
                f"Taken back: {undo.removed:,} customers are gone again, {undo.restored:,} got values back, of"
                f" {undo.kept:,} later changes stayed, {undo.transactions_removed:,} transactions are gone."
            )
