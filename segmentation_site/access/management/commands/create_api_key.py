"""`manage.py create_api_key`: a key for a program, from the command line."""

import sys
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from segmentation_site.access import keys
from segmentation_site.access.scopes import Scope
from segmentation_site.jobs.problems import Problem


class Command(BaseCommand):
    help = "Make an API key. Its secret is printed once and cannot be had again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the tool that will hold it")
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            dest="scopes",
            choices=[scope.value for scope in Scope],
            metavar="SCOPE",
            help="may be given several times; one of: " + ", ".join(scope.value for scope in Scope),
        )
        parser.add_argument("--expires-days", type=int, help="days until it expires; without this it does not")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        days = options["expires_days"]
        if days is not None and not 1 <= days <= 3650:
            raise CommandError("--expires-days must be from 1 to 3650.", returncode=2)
        if not options["name"].strip() or len(options["name"]) > 100:
            raise CommandError("The name must have from 1 to 100 characters.", returncode=2)
        expires_at = timezone.now() + timedelta(days=days) if days else None
        try:
            key, secret = keys.create_key(
                options["name"].strip(), scopes=options["scopes"], by=None, expires_at=expires_at
            )
        except Problem as problem:
            raise CommandError(problem.detail, returncode=2) from problem
        if not options["json"]:
            self.stdout.write(secret)
            return
        report = {
            "id": key.public_id,
            "name": key.name,
            "prefix": key.prefix,
            "key": secret,
            "scopes": key.scopes,
            "expires_at": key.expires_at,
        }
        sys.stdout.write(orjson.dumps(report).decode() + "\n")
