"""A command finds the servers of its data folder running, or starts them for as long as it takes."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from segmentation_site.embedded.folder import DataFolder
from tests import given
from tests.embedded.processes import kill, manage, processes_of, server_seen_by_a_command, staying_command
from tests.given import eventually

AS_ROOT = os.getuid() == 0


def said_by(command: "subprocess.Popen[str]") -> str:
    assert command.stdout
    return command.stdout.readline().strip()


def let_go(command: "subprocess.Popen[str]") -> tuple[int, str]:
    output, _ = command.communicate("\n", timeout=60)
    return command.returncode, output.strip()


def test_a_command_starts_servers_and_stops_them_when_it_is_done(folder: Path) -> None:
    first = server_seen_by_a_command(folder)
    assert not processes_of(folder)
    assert server_seen_by_a_command(folder) != first
    assert not processes_of(folder)
    # Data and secrets are for their owner alone.
    assert {path.stat().st_mode & 0o077 for path in (folder, *folder.iterdir())} == {0}
    assert {path.stat().st_mode & 0o777 for path in (folder / "secrets").iterdir()} == {0o600}


def test_two_commands_share_servers_until_the_last_is_done(folder: Path) -> None:
    with staying_command(folder) as one, staying_command(folder) as another:
        assert said_by(one) == said_by(another)
        assert let_go(one) == (0, "1")
        assert let_go(another) == (0, "1")
    assert not processes_of(folder)


def test_a_command_told_to_stop_stops_its_servers(folder: Path) -> None:
    with staying_command(folder) as command:
        assert said_by(command)
        command.terminate()
        assert command.wait(60) == 128 + 15
    assert not processes_of(folder)


@pytest.mark.chaos
def test_what_a_killed_command_left_running_is_used_and_then_stopped_by_the_next(folder: Path) -> None:
    with staying_command(folder) as command:
        server = said_by(command)
        command.kill()
    assert server_seen_by_a_command(folder) == server
    assert not processes_of(folder)


def test_with_servers_of_ones_own_none_is_started(folder: Path, db: None) -> None:
    own = {"DATABASE_URL": given.url_of_test_database(), "REDIS_URL": os.environ["REDIS_URL"]}
    assert server_seen_by_a_command(folder, **own)
    assert not (folder / "postgres").exists()
    assert not (folder / "valkey").exists()


def test_sockets_are_elsewhere_when_the_path_would_not_do_for_them(folder: Path) -> None:
    inside = folder / "here, and there"
    assert server_seen_by_a_command(inside)
    assert len(os.fsencode(DataFolder(inside).postgres_socket)) <= 107
    assert not processes_of(inside)
    assert not DataFolder(inside).sockets.is_relative_to(folder)
    shutil.rmtree(DataFolder(inside).sockets)


@pytest.mark.skipif(not AS_ROOT, reason="only root can make a folder of root's: this claim was NOT tested")
def test_roots_servers_run_as_somebody_else_in_a_folder_that_only_root_can_enter(folder: Path) -> None:
    folder.mkdir()
    inside = folder / "of root" / "data"
    inside.parent.mkdir(mode=0o700)
    with staying_command(inside) as command:
        assert said_by(command)
        servers = [process for process in processes_of(inside) if process.name().startswith("postgres")]
        assert servers
        assert all(process.uids().effective != 0 for process in servers)
        assert let_go(command) == (0, "1")
    assert {path.stat().st_mode & 0o777 for path in (inside.parent, folder.parent, inside)} == {0o700}


def test_a_pid_file_that_names_somebody_else_harms_nobody(folder: Path) -> None:
    server_seen_by_a_command(folder)
    with subprocess.Popen(["sleep", "600"]) as innocent:
        try:
            (folder / "postgres" / "postmaster.pid").write_text(f"{innocent.pid}\n{folder / 'postgres'}\n")
            assert server_seen_by_a_command(folder)
            assert innocent.poll() is None
        finally:
            innocent.kill()


@pytest.mark.chaos
def test_making_the_database_may_be_killed_at_any_moment(folder: Path) -> None:
    half_made = folder / "postgres.new" / "PG_VERSION"
    with staying_command(folder) as command:
        eventually(half_made.exists, what="the first file of the database")
        command.send_signal(signal.SIGSTOP)
        kill(processes_of(folder))
    assert not (folder / "postgres").exists()
    assert server_seen_by_a_command(folder)


def test_a_data_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = manage(tmp_path / "file", "migrate")
    assert done.returncode == 1
    assert done.stderr.startswith(f"The data folder {tmp_path / 'file'} cannot be used")
    assert len(done.stderr.splitlines()) == 1


def test_a_public_host_without_a_secret_key_is_refused_in_one_sentence(folder: Path) -> None:
    done = manage(folder, "up", ALLOWED_HOSTS="segments.example.com")
    assert done.returncode == 1
    assert done.stderr.startswith("ALLOWED_HOSTS names a public host, but SECRET_KEY is missing or weak")
    assert len(done.stderr.splitlines()) == 1
