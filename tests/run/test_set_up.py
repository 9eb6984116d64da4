"""`./run` on machines that lack something: it says what, and what to do.

Pythons here are small scripts that write down how they are called.
"""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

# What a POSIX system has beside Python.
TOOLS = ("sh", "dirname", "cat", "cksum", "df", "awk", "id", "mkdir", "chmod", "echo", "cp", "rm", "tail")

# As much of Python as the script asks for; {version} and {venv} say how it answers.
PYTHON = """#!/bin/sh
case "$*" in
    --version) echo "Python {version}" ;;
    *sys.version_info*) exit {too_old} ;;
    "-c import venv, ensurepip") exit {no_venv} ;;
    "-m venv --clear .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    "-c ") ;;
    "-m pip "*) echo "pip $*" >>calls ;;
    *) echo "$*" >>calls ;;
esac
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A clone with nothing set up, and a folder `bin` of all the programs that there are."""
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found
        (tmp_path / "bin" / tool).symlink_to(found)
    shutil.copy(ROOT / "run", tmp_path / "run")
    (tmp_path / "requirements.txt").write_text("django==5.2\n")
    (tmp_path / "requirements-test.txt").write_text("django==5.2\npytest==9\n")
    return tmp_path


@pytest.fixture
def run(machine: Path) -> Run:
    def start(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [machine / "run", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": str(machine / "bin")},
            cwd=os.sep,
        )

    return start


def program(machine: Path, name: str, text: str) -> None:
    path = machine / "bin" / name
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def python(machine: Path, *, version: str = "3.11.2", too_old: int = 0, no_venv: int = 0) -> None:
    program(
        machine,
        "python3",
        PYTHON.replace("{version}", version).replace("{too_old}", str(too_old)).replace("{no_venv}", str(no_venv)),
    )


def calls(machine: Path) -> list[str]:
    path = machine / "calls"
    found = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def test_without_python_it_says_which_is_needed_and_how_to_get_it(run: Run) -> None:
    done = run("up")
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed; there is no Python at all." in done.stderr
    assert "apt install python3" in done.stderr


def test_a_python_that_is_too_old_is_named(run: Run, machine: Path) -> None:
    python(machine, version="3.9.2", too_old=1)
    done = run("demo")
    assert done.returncode == 1
    assert "there is Python 3.9.2" in done.stderr


def test_a_python_that_cannot_make_environments_says_what_to_install(run: Run, machine: Path) -> None:
    python(machine, no_venv=1)
    done = run("up")
    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr
    assert not (machine / ".venv").exists()


def test_a_full_disk_is_told_before_anything_is_begun(run: Run, machine: Path) -> None:
    python(machine)
    program(machine, "df", "#!/bin/sh\nprintf 'head\\n/dev/x 9 9 204800 9%% /\\n'\n")
    done = run("up")
    assert done.returncode == 1
    assert "setting up needs 2.5 GB, 200 MB are free" in done.stderr
    assert not (machine / ".venv").exists()


def test_what_is_pinned_is_installed_once_and_again_only_when_it_changed(run: Run, machine: Path) -> None:
    python(machine)
    installing = "pip -m pip install -q --disable-pip-version-check --no-input --require-hashes -r"
    assert run("up", "--port", "9000").returncode == 0
    assert calls(machine) == [f"{installing} requirements.txt", "manage.py up --port 9000"]

    assert run("manage", "migrate").returncode == 0
    assert calls(machine) == ["manage.py migrate"]

    (machine / "requirements.txt").write_text("django==5.2.1\n")
    assert run("manage", "migrate").returncode == 0
    assert calls(machine) == [f"{installing} requirements.txt", "manage.py migrate"]


def test_what_tests_need_is_more_than_what_the_site_needs(run: Run, machine: Path) -> None:
    python(machine)
    program(machine, "chromium", "#!/bin/sh\n")
    assert run("test", "-k", "imports").returncode == 0
    assert [call.split()[-1] for call in calls(machine)] == ["requirements-test.txt", "imports"]

    assert run("up").returncode == 0
    assert calls(machine) == ["manage.py up"]


def test_an_installation_that_failed_is_begun_again(run: Run, machine: Path) -> None:
    python(machine)
    program(
        machine,
        "python3",
        (machine / "bin" / "python3").read_text().replace(">>calls ;;\n    *)", ">>calls; exit 1 ;;\n    *)"),
    )
    done = run("up")
    assert done.returncode == 1
    assert "Installing failed" in done.stderr
    assert [call.split()[0] for call in calls(machine)] == ["pip"]

    python(machine)
    shutil.copy(machine / "bin" / "python3", machine / ".venv" / "bin" / "python")
    assert run("up").returncode == 0
    assert [call.split()[0] for call in calls(machine)] == ["pip", "manage.py"]


def test_tests_say_loudly_what_they_leave_out_where_a_program_is_missing(run: Run, machine: Path) -> None:
    python(machine)
    program(machine, "id", "#!/bin/sh\necho 1000\n")
    done = run("test")
    assert done.returncode == 0
    assert "NO Chromium HERE: the browser tests are LEFT OUT" in done.stderr
    assert "NO LibreOffice HERE: opening exports in a spreadsheet is LEFT OUT" in done.stderr


AUDITS = {
    "none are known": (": >.venv-audit/found", 0, "No known vulnerabilities"),
    "some are known": ('echo "django 5.2 PYSEC-1" >"$7"; exit 1', 1, "There are known vulnerabilities"),
    "nobody could be asked": ("echo Traceback >&2; echo 'ERROR: no connection' >&2; exit 1", 3, "NOT AUDITED"),
}


@pytest.mark.parametrize("case", AUDITS)
def test_an_audit_tells_apart_what_is_known_and_that_nobody_could_be_asked(case: str, run: Run, machine: Path) -> None:
    does, code, told = AUDITS[case]
    (machine / "requirements-audit.txt").write_text("pip-audit==2.9\n")
    (machine / ".venv-audit" / "bin").mkdir(parents=True)
    programs = {"cyclonedx-py": 'echo "{}" >"$6"', "pip-audit": does}
    for name, script in programs.items():
        path = machine / ".venv-audit" / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    filled = subprocess.run(["cksum"], input=b"pip-audit==2.9\n", capture_output=True, check=True).stdout
    (machine / ".venv-audit" / ".filled").write_bytes(filled)
    done = run("audit")
    assert (done.returncode, (machine / "sbom.json").read_text()) == (code, "{}\n")
    assert told in done.stderr
    assert ("PYSEC-1" in done.stdout) == (code == 1)


def test_a_task_that_does_not_exist_is_wrong_usage(run: Run) -> None:
    done = run("deploy")
    assert done.returncode == 2
    assert "./run demo" in done.stderr
