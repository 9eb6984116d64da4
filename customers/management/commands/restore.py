"""`manage.py restore`: the way back from a backup."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from redis import Redis

from customers import erasing
from segmentation_site.access import audit
from segmentation_site.access.audit import Action
from segmentation_site.embedded import backups, servers, supervising
from segmentation_site.embedded.folder import DataFolder, DataFolderProblem

# Who was erased since the backup stays erased.
SUPPRESSION_LIST = "customers_suppressed"


class Command(BaseCommand):
    help = "Put a backup in the place of this data folder's site, which must be down; what is there is kept aside."
    # The database that checks could look at is started by this command.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, help="an archive that `backup` wrote")
        parser.add_argument("--replace", action="store_true", help="although the data folder holds a site already")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.IS_DATABASE_EMBEDDED:
            raise CommandError("DATABASE_URL names a server of your own: restore it with pg_restore.", returncode=2)
        folder: DataFolder = settings.DATA_FOLDER
        archive: Path = options["file"].absolute()
        try:
            # Before any server is started: a bad archive leaves an empty folder empty.
            backups.check(archive)
            with supervising.holding(folder):
                try:
                    servers.start_postgres(folder)
                    servers.start_valkey(folder)
                    told = self._restore(folder, archive, replace=options["replace"])
                finally:
                    connection.close()
                    servers.stop(folder)
        except DataFolderProblem as problem:
            raise CommandError(str(problem)) from problem
        if options["json"]:
            sys.stdout.write(orjson.dumps(told).decode() + "\n")
        else:
            self.stdout.write(
                f"Restored what was backed up at {told['made_at']}. "
                f"Erased again, being on the suppression list: {told['erased']:,}."
            )
            if told["replaced_database"]:
                self.stdout.write(
                    f"What was there is kept as database {told['replaced_database']} and folder "
                    f"{told['replaced_media'] or '(no files)'}. Drop both when you no longer need them."
                )

    def _restore(self, folder: DataFolder, archive: Path, *, replace: bool) -> dict[str, Any]:
        done = backups.restore(
            folder,
            Path(settings.MEDIA_ROOT),
            archive,
            replace=replace,
            secret_key=settings.SECRET_KEY if settings.IS_SECRET_KEY_SET else None,
            carry_over=[SUPPRESSION_LIST],
        )
        if not settings.IS_SECRET_KEY_SET:
            settings.SECRET_KEY = folder.secret_key
        # Jobs wait as rows of the restored database; what the queue held was of another one.
        Redis.from_url(folder.redis_url).flushall()
        call_command("migrate", verbosity=0)
        erased = erasing.erase_listed()
        audit.record(Action.RESTORED, archive.name, made_at=done.manifest.made_at)
        return {
            "made_at": done.manifest.made_at,
            "erased": erased,
            "replaced_database": done.replaced_database,
            "replaced_media": done.replaced_media,
        }
