"""`manage.py seed_demo`: customers who do not exist, through the real importer."""

import tempfile
from argparse import ArgumentParser
from typing import Any

from django.core.files import File
from django.core.management.base import BaseCommand, CommandError

from customers import importing, starting
from customers.files.generating import write_customers
from segmentation_site.jobs.problems import Problem
from segmentation_site.jobs.terminal import carry_out_here

MOST = 1_000_000


class Command(BaseCommand):
    help = "Generate demo customers, about 1 % of them with faults, and send them through the real importer."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--customers", type=int, default=1000, help=f"how many, up to {MOST:,} (default 1,000)")
        parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same customers (default 1)")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["customers"] <= MOST:
            raise CommandError(f"--customers must be from 1 to {MOST:,}.", returncode=2)
        if options["seed"] < 0:
            raise CommandError("--seed must not be negative.", returncode=2)
        with tempfile.TemporaryFile() as file:
            write_customers(options["customers"], options["seed"], file)
            file.seek(0)
            try:
                one = starting.start_import(File(file, name="demo-customers.csv"), by=None, ring=False)
            except Problem as problem:
                raise CommandError(problem.detail) from problem
        one = carry_out_here(one, importing.execute)
        self.stdout.write(
            f"{one.rows:,} rows: {one.created:,} created, {one.updated:,} updated, {one.unchanged:,} unchanged, "
            f"{one.rejected:,} rejected."
        )
