"""`manage.py backup`: everything that the site holds, in one file."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.embedded import backups
from segmentation_site.embedded.folder import DataFolderProblem


class Command(BaseCommand):
    help = "Write the database, the files and the secret key of this site into one archive; the site may be up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, help="the archive, which must not exist yet")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.IS_DATABASE_EMBEDDED:
            raise CommandError("DATABASE_URL names a server of your own: back it up with pg_dump.", returncode=2)
        to: Path = options["file"].absolute()
        try:
            manifest = backups.back_up(settings.DATA_FOLDER, Path(settings.MEDIA_ROOT), settings.SECRET_KEY, to)
        except DataFolderProblem as problem:
            raise CommandError(str(problem)) from problem
        audit.record(Action.BACKUP_MADE, to.name)
        size = to.stat().st_size
        if options["json"]:
            told = {"file": str(to), "bytes": size, "parts": len(manifest.parts), "made_at": manifest.made_at}
            sys.stdout.write(orjson.dumps(told).decode() + "\n")
        else:
            self.stdout.write(f"{to}: {size:,} bytes. It holds personal data and secrets: keep it as such.")
