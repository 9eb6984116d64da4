"""`manage.py erase_customer`: forgetting somebody, here and now."""

import sys
from argparse import ArgumentParser
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError

from customers import erasing


class Command(BaseCommand):
    help = "Erase customers: they go with all that is kept of them, and do not come in again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("external_id", metavar="EXTERNAL_ID", nargs="*", help="the id that you know them by")
        parser.add_argument(
            "--suppressed", action="store_true", help="everybody who is on the suppression list, as after a restore"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = dict.fromkeys(options["external_id"])
        if not wanted and not options["suppressed"]:
            raise CommandError("Say whom: one or more ids, or --suppressed.", returncode=2)
        found = erasing.erase(list(wanted)) if wanted else []
        erased = len(found) + (erasing.erase_listed() if options["suppressed"] else 0)
        unknown = [one for one in wanted if one not in found]
        if options["json"]:
            sys.stdout.write(orjson.dumps({"erased": erased, "unknown": unknown}).decode() + "\n")
        else:
            self.stdout.write(f"Erased: {erased:,}.")
        if unknown:
            raise CommandError(f"There is no customer {', '.join(unknown)}.")
