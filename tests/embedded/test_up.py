"""`up`: the whole site by one command, kept up when its parts die, stopped in order, found again by the next start."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import psutil
import psycopg
import pytest
from psycopg import sql

from segmentation_site.embedded import supervising
from segmentation_site.embedded.folder import DataFolder
from tests import given
from tests.embedded.processes import Site, free_port, kill, manage, names_of, processes_of, server_seen_by_a_command
from tests.given import eventually

IN_THE_ORDER_OF_STOPPING = ["scheduler", "sender", "worker", "web", "valkey", "postgres"]


def sign_in_at(site: Site, password: str) -> str:
    """The page that `admin` lands on with this password."""
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    page = browser.open(f"{site.url}/accounts/login/").read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    fields = {"username": "admin", "password": password, "csrfmiddlewaretoken": token[1]}
    with browser.open(f"{site.url}/accounts/login/", urlencode(fields).encode()) as response:
        return str(response.url)


def password_shown_by(site: Site) -> str | None:
    shown = re.search(r"with password +(\S+)", site.output)
    return shown[1] if shown else None


def test_the_first_start_shows_a_sign_in_that_works(folder: Path) -> None:
    folder.mkdir()
    site = Site(folder / ("far " * 30), free_port())
    try:
        site.start()
        assert (site.status("/livez"), site.status("/readyz")) == (200, 200)
        password = password_shown_by(site)
        assert password
        assert sign_in_at(site, password) == f"{site.url}/"

        style = re.search(r'href="(/static/[^"]+\.css)"', site.page("/accounts/login/"))
        assert style
        assert site.status(style[1]) == 200

        # As Ctrl-C does in a terminal.
        assert site.stop(signal.SIGINT) == 0
        assert site.output.endswith("Stopped.\n")
        assert not names_of(processes_of(site.folder))
    finally:
        site.end()
        shutil.rmtree(DataFolder(site.folder).sockets)


def test_a_command_uses_the_servers_of_the_site_and_leaves_them_running(site: Site) -> None:
    seen = server_seen_by_a_command(site.folder)
    assert server_seen_by_a_command(site.folder) == seen
    assert site.status("/readyz") == 200


def test_the_doctor_finds_a_site_well_when_everything_answers(site: Site) -> None:
    eventually(lambda: "no sweep has come through" not in site.doctors_page(), what="the first sweep")
    page = site.doctors_page()
    assert page.endswith("All is well.\n"), page


def test_a_second_one_says_who_has_the_folder(site: Site) -> None:
    assert site.process
    done = manage(site.folder, "up", "--port", str(free_port()))
    assert done.returncode == 1
    assert f"The data folder {site.folder} is held by process {site.process.pid}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert site.status("/readyz") == 200


def test_a_port_in_use_is_said_before_anything_is_made(site: Site, folder: Path) -> None:
    done = manage(folder, "up", "--port", str(site.port))
    assert done.returncode == 1
    assert f"Port {site.port} on 127.0.0.1 cannot be used: Address already in use." in done.stderr
    assert "--port" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (folder / "postgres").exists()


@pytest.mark.chaos
@pytest.mark.parametrize("name", ["postgres", "valkey", "web", "worker", "sender", "scheduler"])
def test_what_dies_comes_back(site: Site, name: str) -> None:
    before = site.process_of(name)
    psutil.Process(before).kill()
    eventually(lambda: site.process_of(name) != before, what=f"another {name}")
    eventually(lambda: site.status("/readyz") == 200, what="an answer of the whole site")
    assert psutil.pid_exists(site.process_of(name))
    assert site.is_up


@pytest.mark.chaos
@pytest.mark.parametrize("name", ["web", "worker"])
def test_a_child_that_dies_is_replaced(site: Site, name: str) -> None:
    before = eventually(lambda: site.children_of(name), what=f"children of {name}")
    for child in before:
        psutil.Process(child).kill()
    eventually(lambda: site.children_of(name) - before, what=f"other children of {name}")
    eventually(lambda: site.status("/readyz") == 200, what="an answer of the whole site")


@pytest.mark.chaos
def test_when_the_supervisor_dies_everything_ends_and_it_is_said(site: Site) -> None:
    assert site.process
    psutil.Process(int((site.folder / "run" / "supervisord.pid").read_text())).kill()
    assert site.process.wait(90) == 1
    assert "The supervisor ended unexpectedly" in site.output
    assert not names_of(processes_of(site.folder))


@pytest.mark.chaos
def test_after_a_kill_of_everything_the_next_start_finds_the_data_and_makes_no_other_admin(site: Site) -> None:
    users = "from django.contrib.auth.models import User; print(User.objects.values_list('date_joined').get())"
    before = manage(site.folder, "shell", "-v", "0", "-c", users).stdout
    assert before
    kill(processes_of(site.folder))
    assert site.process
    site.process.wait()
    site.start()
    assert site.status("/readyz") == 200
    assert password_shown_by(site) is None
    assert "Sign in as      admin; ./run manage changepassword admin sets another password" in site.output
    assert manage(site.folder, "shell", "-v", "0", "-c", users).stdout == before


@pytest.mark.chaos
def test_after_a_kill_of_the_start_itself_the_next_one_takes_over(site: Site) -> None:
    assert site.process
    left = processes_of(site.folder)
    psutil.Process(int((site.folder / "run" / "supervisord.pid").read_text())).kill()
    site.process.kill()
    site.process.wait()
    site.start()
    # What has ended is no process any more, even if nobody has asked for its exit code yet.
    assert not [one for one in left if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert site.status("/readyz") == 200


@pytest.mark.chaos
def test_what_does_not_end_when_asked_is_ended(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "LEFTOVER_SECONDS", 0.5)
    data = DataFolder(folder)
    with (
        subprocess.Popen(["sleep", "600"], env=os.environ | {supervising.MARK: str(data.path)}) as left,
        subprocess.Popen(["sleep", "600"]) as of_somebody_else,
    ):
        try:
            # Frozen, it does not hear the signal.
            left.send_signal(signal.SIGSTOP)
            with supervising.holding(data):
                assert not psutil.pid_exists(left.pid)
            assert of_somebody_else.poll() is None
        finally:
            left.kill()
            of_somebody_else.kill()


def test_it_stops_in_order_and_leaves_nothing(site: Site) -> None:
    eventually(lambda: site.children_of("worker"), what="the worker")
    written = len(site.log)
    assert site.stop(signal.SIGTERM) == 0
    assert re.findall(r"stopped: (\w+)", site.log[written:]) == IN_THE_ORDER_OF_STOPPING
    assert not names_of(processes_of(site.folder))


@pytest.fixture
def own_database(db: None) -> Iterator[str]:
    """The address of an empty database on the suite's server."""
    url = given.url_of_test_database()
    name = f"of_its_own_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield re.sub(r"/[^/?]+\?", f"/{name}?", url) if "?" in url else re.sub(r"/[^/]+$", f"/{name}", url)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_with_servers_of_ones_own_only_the_site_itself_is_started(folder: Path, own_database: str) -> None:
    broker = re.sub(r"(\?db=|/)\d+$", r"\g<1>15", os.environ["REDIS_URL"])
    site = Site(folder, free_port(), {"DATABASE_URL": own_database, "REDIS_URL": broker})
    try:
        site.start()
        assert site.status("/readyz") == 200
        assert set(re.findall(r"spawned: '(\w+)'", site.log)) == {"web", "worker", "sender", "scheduler"}
        assert not (folder / "postgres").exists()
        assert not (folder / "valkey").exists()
    finally:
        site.end()


def test_a_database_that_does_not_answer_is_said_in_one_sentence(folder: Path) -> None:
    nobody = f"postgres://a:b@127.0.0.1:{free_port()}/c"
    done = manage(folder, "up", "--port", str(free_port()), DATABASE_URL=nobody)
    assert done.returncode == 1
    assert "The database does not answer: connection failed" in done.stderr
    assert "DATABASE_URL" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", ["web", "worker", "sender", "scheduler"])
def test_every_line_that_our_processes_log_is_one_json_object(site: Site, name: str) -> None:
    site.page("/accounts/login/")
    lines = eventually(lambda: (site.folder / "logs" / f"{name}.log").read_text().splitlines(), what="lines")
    read = [json.loads(line) for line in lines if line]
    assert all(line["event"] and line["time"] and line["level"] for line in read)
