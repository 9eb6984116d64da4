"""People and data in words, for every test."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import psycopg
from django.contrib.auth.models import Group, User
from django.db import connection

from segmentation_site.jobs.models import ACTIVE, Job
from segmentation_site.jobs.problems import Problem

T = TypeVar("T")
J = TypeVar("J", bound=Job)

PASSWORD = "correct horse battery staple"


def person(role: str, username: str | None = None) -> User:
    """Somebody with this role, who can sign in with `PASSWORD`."""
    user = User.objects.create_user(username or role, f"{username or role}@example.com", PASSWORD)
    user.groups.add(Group.objects.get_or_create(name=role)[0])
    if role == "admin":
        user.is_staff = user.is_superuser = True
        user.save()
    return user


def eventually(look: Callable[[], T], *, seconds: float = 60, what: str = "it") -> T:
    """What `look` answers once that is truthy; fails when it never is."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(0.05)


@contextmanager
def somebody_holds(statement: str) -> Iterator["psycopg.Connection[Any]"]:
    """Another connection holds the locks of this statement in the block, or until it commits."""
    parameters = connection.get_connection_params()
    known = {key: value for key, value in parameters.items() if key in ("dbname", "user", "password", "host", "port")}
    with psycopg.connect(**known) as other:
        other.execute(statement)
        yield other
        other.rollback()


def wait_for_somebody_who_waits(how_many: int = 1, *, for_what: str = "") -> None:
    """Returns as soon as so many connections wait for locks of another one; `for_what` names a kind of lock."""

    def waits() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND datname = current_database() AND %s IN ('', wait_event)",
                [for_what],
            )
            return bool(cursor.fetchone()[0] >= how_many)

    eventually(waits, seconds=20, what="somebody to wait for a lock")


def aside(deed: Callable[[], T]) -> "Future[T]":
    """What the deed will return, which is being done on another connection from now on."""

    def do() -> T:
        try:
            return deed()
        finally:
            connection.close()

    pool = ThreadPoolExecutor(1)
    doing = pool.submit(do)
    pool.shutdown(wait=False)
    return doing


def at_once(*deeds: Callable[[], object]) -> list[object]:
    """What these deeds return, or the Problem that each raises, done at the same moment, each on its own connection."""
    together = Barrier(len(deeds))

    def do(deed: Callable[[], object]) -> object:
        together.wait()
        try:
            return deed()
        except Problem as problem:
            return problem
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as people:
        return list(people.map(do, deeds))


def ended(job: J, *, seconds: float = 90) -> J:
    """The job once it has ended, carried out by a real worker."""

    def has_ended() -> bool:
        job.refresh_from_db()
        return job.status not in ACTIVE

    eventually(has_ended, seconds=seconds, what=f"the end of {job}")
    return job


def url_of_test_database() -> str:
    """DATABASE_URL of the database that this test process uses, for processes that it starts."""
    given = connection.settings_dict
    host, port = str(given["HOST"] or ""), str(given["PORT"] or "")
    options = given.get("OPTIONS", {})
    socket = options.get("host") or (host if host.startswith("/") else "")
    login = f"{quote(str(given['USER']), safe='')}:{quote(str(given['PASSWORD']), safe='')}@"
    if socket:
        return f"postgres://{login}/{given['NAME']}?{urlencode({'host': socket})}"
    return f"postgres://{login}{host}{':' + port if port else ''}/{given['NAME']}"
