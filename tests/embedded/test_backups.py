"""What a site holds comes back from a backup, whole or not at all; who was erased does not come back with it."""

import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from customers.files.generating import write_customers
from segmentation_site.embedded import backups
from segmentation_site.embedded.folder import DataFolder
from tests.embedded.processes import manage, processes_of

SLUG = "backed-up"
# What tools see, asked for with the very key that was made before.
LOOK = f"""
import json, os
from django.test import Client
from customers.models import Customer
client = Client(SERVER_NAME="localhost", headers={{"Authorization": "Bearer " + os.environ["KEY"]}})
ask = lambda path: client.get("/api/v1" + path).json()
members = ask("/segmentations/{SLUG}/members?page_size=1000")
changes = ask("/segmentations/{SLUG}/changes?page_size=1000")
content = lambda address: b"".join(client.get(address).streaming_content).decode()
files = [one["file"] and content(one["file"]) for one in ask("/exports")["results"]]
print(json.dumps([ask("/me"), members, changes, Customer.objects.count(), files]))
"""
EXPORT = """
from segmentation_site.jobs import leases
from segments import delivering, exporting
from segments.models import Export, Segmentation
segmentation = Segmentation.objects.get()
export = exporting.start_export(segmentation, None, by=None, columns=["email"], contactable_only=False, ring=False)
leases.carry_out(Export, export.pk, delivering.execute)
"""


def done(outcome: "subprocess.CompletedProcess[str]") -> str:
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


def look(folder: Path, key: str) -> Any:
    told = json.loads(done(manage(folder, "shell", "-v", "0", "-c", LOOK, KEY=key)))
    me, members, changes, customers, files = told
    # Asking is noted.
    me.pop("last_used_at", None)
    return me, members["results"], changes["results"], customers, files


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, Any]:
    """An archive of a site with 300 customers in published segments, a key of it, and what the key showed."""
    outside = tmp_path_factory.mktemp("backups")
    folder, file, archive = outside / "data", outside / "customers.csv", outside / "site.tar"
    with file.open("wb") as opened:
        write_customers(300, 7, opened)
    done(manage(folder, "migrate", "-v", "0"))
    assert manage(folder, "import_customers", str(file), "--json").returncode == 0
    name = ["--name", SLUG, "--features", "annual_income,spending_score", "--k", "4", "--publish"]
    done(manage(folder, "segment", *name))
    done(manage(folder, "shell", "-v", "0", "-c", EXPORT))
    scopes = ["--scope", "members:read", "--scope", "segments:read", "--scope", "exports:write"]
    key = json.loads(done(manage(folder, "create_api_key", "tool", *scopes, "--json")))["key"]
    seen = look(folder, key)
    assert len(seen[1]) > 200
    assert seen[4][0].count("@") > 100
    told = json.loads(done(manage(folder, "backup", str(archive), "--json")))
    assert told["bytes"] == archive.stat().st_size
    assert archive.stat().st_mode & 0o077 == 0
    shutil.rmtree(folder)
    return archive, key, seen


def test_a_destroyed_site_comes_back_with_members_changes_files_and_keys(
    kept: tuple[Path, str, Any], tmp_path: Path
) -> None:
    archive, key, seen = kept
    folder = tmp_path / "new"
    done(manage(folder, "restore", str(archive)))
    assert look(folder, key) == seen
    assert len(list((folder / "media" / "imports").iterdir())) == 1
    assert not processes_of(folder)


def test_who_was_erased_since_stays_erased_and_what_was_replaced_is_kept(
    kept: tuple[Path, str, Any], tmp_path: Path
) -> None:
    archive, key, seen = kept
    folder = tmp_path / "site"
    done(manage(folder, "restore", str(archive)))
    gone = seen[1][0]["external_id"]
    done(manage(folder, "erase_customer", gone))
    refused = manage(folder, "restore", str(archive))
    assert (refused.returncode, "--replace" in refused.stderr) == (1, True)
    told = json.loads(done(manage(folder, "restore", str(archive), "--replace", "--json")))
    assert told["erased"] == 1
    assert told["replaced_database"]
    assert (folder / told["replaced_media"]).is_dir()
    _, members, changes, customers, files = look(folder, key)
    assert files == [None]
    assert customers == seen[3] - 1
    assert gone not in {member["external_id"] for member in members}
    assert changes[-1]["type"] == "erased"


def harmed(archive: Path, to: Path, how: str) -> Path:
    content = archive.read_bytes()
    middle = len(content) // 2
    to.write_bytes(
        {
            "cut": content[:middle],
            "without its end": content[: content.index(b"manifest.json")],
            "changed": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "empty": b"",
            "something else": b"external_id,age\n1,30\n" * 100,
        }[how]
    )
    return to


@pytest.mark.parametrize("how", ["cut", "without its end", "changed", "empty", "something else"])
def test_a_harmed_archive_is_refused_and_nothing_is_touched(
    kept: tuple[Path, str, Any], tmp_path: Path, how: str
) -> None:
    folder = tmp_path / "site"
    outcome = manage(folder, "restore", str(harmed(kept[0], tmp_path / "harmed.tar", how)))
    assert outcome.returncode == 1
    assert "Nothing was restored" in outcome.stderr or "nothing was restored" in outcome.stderr
    assert not (folder / "postgres").exists()
    assert not (folder / "media").exists()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("media/../../evil", tarfile.REGTYPE),
        ("/etc/evil", tarfile.REGTYPE),
        ("secrets/postgres_password", tarfile.REGTYPE),
        ("media/link", tarfile.SYMTYPE),
    ],
)
def test_an_archive_cannot_write_outside_of_the_folder(name: str, kind: bytes, tmp_path: Path) -> None:

    archive = tmp_path / "evil.tar"
    with tarfile.open(archive, "w") as opened:
        member = tarfile.TarInfo(name)
        member.size, member.type, member.linkname = 4, kind, "/etc/passwd"
        opened.addfile(member, io.BytesIO(b"evil"))
    with pytest.raises(backups.BackupProblem, match="does not belong"):
        backups.check(archive)


def test_a_site_with_another_secret_key_is_not_filled_with_keys_that_mean_nothing(
    kept: tuple[Path, str, Any], tmp_path: Path
) -> None:
    outcome = manage(tmp_path / "site", "restore", str(kept[0]), SECRET_KEY="x1y2z3" * 12)
    assert outcome.returncode == 1
    assert "another SECRET_KEY" in outcome.stderr


def test_a_backup_never_overwrites_another(tmp_path: Path) -> None:
    there = tmp_path / "there.tar"
    there.write_bytes(b"an older backup")
    with pytest.raises(backups.BackupProblem, match="exists already"):
        backups.back_up(DataFolder(tmp_path / "data"), tmp_path / "media", "key", there)
    assert there.read_bytes() == b"an older backup"
