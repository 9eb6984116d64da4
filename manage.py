#!/usr/bin/env python
"""Runs any command of the site; the embedded servers are attached to, or started for as long as it takes."""

import os
import signal
import sys
from pathlib import Path

import environ

from segmentation_site.embedded.folder import DataFolder, DataFolderProblem
from segmentation_site.embedded.servers import Stopped, running

ROOT = Path(__file__).resolve().parent
# These need no server, or start their own.
WITHOUT_SERVERS = {
    "up", "demo", "help", "version", "--help", "-h", "--version", "collectstatic", "findstatic", "makemessages",
    "compilemessages", "diffsettings", "spectacular", "restore",
}  # fmt: skip


def main() -> int:
    """Exit code 0 done, 1 failed, 2 wrong usage; 128 + n after signal n."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "segmentation_site.settings")
    environ.Env.read_env(ROOT / ".env", overwrite=False)
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    needs_servers = command not in WITHOUT_SERVERS and not {"-h", "--help"} & set(sys.argv)
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        folder = DataFolder(Path(os.environ.get("DATA_DIR") or ROOT / "var"))
        # Whole, because the processes that `up` starts work in another folder than this one.
        os.environ["DATA_DIR"] = str(folder.path)
        with running(
            folder,
            postgres=needs_servers and not os.environ.get("DATABASE_URL"),
            valkey=needs_servers and not os.environ.get("REDIS_URL"),
        ):
            execute_from_command_line(sys.argv)
    except (DataFolderProblem, ImproperlyConfigured) as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    except Stopped:
        return 128 + signal.SIGTERM
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    sys.exit(main())
