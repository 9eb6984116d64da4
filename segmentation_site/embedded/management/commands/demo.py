"""`manage.py demo`.

The site with customers and a first published segmentation, so that the first page tells a story.
"""

import subprocess
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from segmentation_site.embedded.folder import DataFolderProblem
from segmentation_site.embedded.keeping_up import keep_up
from segmentation_site.embedded.management.arguments import port
from segmentation_site.embedded.supervising import ROOT, next_free_port

HOST = "127.0.0.1"
SEGMENTATION = "Income and spending"


class Command(BaseCommand):
    help = "Run the site with demo data: customers through the real importer, a published segmentation, then `up`."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port", type=port, default=8000, help="where to listen; the next free one when it is in use"
        )
        parser.add_argument(
            "--customers", type=int, default=1000, help="how many to make, up to 1,000,000 (default 1,000)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 50 <= options["customers"] <= 1_000_000:
            raise CommandError("--customers must be from 50 to 1,000,000.", returncode=2)
        try:
            code = keep_up(
                HOST,
                lambda: self._port(options["port"]),
                self.say,
                before_opening=lambda: self._bring_data(options["customers"]),
            )
        except DataFolderProblem as problem:
            raise CommandError(str(problem)) from problem
        raise SystemExit(code)

    def _port(self, wanted: int) -> int:
        free = next_free_port(HOST, wanted)
        if free != wanted:
            self.say(f"Port {wanted} is in use; taking {free}.")
        return free

    def _bring_data(self, customers: int) -> None:
        """In processes of their own: what imports and fits takes memory that this one need not keep for days."""
        if not self._has_rows("customers_customer"):
            self.say(f"Importing {customers:,} demo customers …")
            self._manage("seed_demo", "--customers", str(customers), "--seed", "1")
        if not self._has_rows("segments_segmentation"):
            self.say("Finding segments …")
            features = "annual_income,spending_score"
            self._manage("segment", "--name", SEGMENTATION, "--features", features, "--k", "auto", "--publish")

    def _has_rows(self, table: str) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")  # noqa: S608 - one of two names above
            return bool(cursor.fetchone()[0])

    def _manage(self, *arguments: str) -> None:
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DataFolderProblem(f"`manage.py {arguments[0]}` failed: {(done.stderr or done.stdout).strip()[-800:]}")

    def say(self, text: str) -> None:
        """Print at once, also into a pipe."""
        self.stdout.write(text)
        self.stdout.flush()
