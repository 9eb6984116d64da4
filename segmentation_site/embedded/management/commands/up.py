"""`manage.py up`: the site with everything that it needs, until Ctrl-C."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from segmentation_site.embedded.folder import DataFolderProblem
from segmentation_site.embedded.keeping_up import keep_up
from segmentation_site.embedded.management.arguments import address, port
from segmentation_site.embedded.supervising import SITE, port_if_free


class Command(BaseCommand):
    help = (
        "Run the site: PostgreSQL, Valkey, web, worker, sender and scheduler, restarted when they die, "
        "stopped by Ctrl-C."
    )
    # The database that checks could look at is started by this command.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=port, default=8000, help="where to listen (default 8000)")
        parser.add_argument(
            "--host", type=address, default="127.0.0.1", help="on which address (default 127.0.0.1, this machine only)"
        )

        parser.add_argument(
            "--only",
            nargs="+",
            choices=SITE,
            default=SITE,
            metavar="PROCESS",
            help="web, worker, sender or scheduler: what runs on this machine, where there are several (default all)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            raise SystemExit(
                keep_up(
                    options["host"],
                    lambda: port_if_free(options["host"], options["port"]),
                    self.say,
                    only=options["only"],
                )
            )
        except DataFolderProblem as problem:
            raise CommandError(str(problem)) from problem

    def say(self, text: str) -> None:
        """Print at once, also into a pipe."""
        self.stdout.write(text)
        self.stdout.flush()
