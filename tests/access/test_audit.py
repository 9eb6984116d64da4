"""The audit trail tells who did what, and cannot be made to tell otherwise."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from customers import registering, undoing
from segmentation_site.access import audit, keys, pruning
from segmentation_site.access.audit import LABELS, Action
from segmentation_site.access.models import AuditEntry
from segmentation_site.jobs import leases
from segments import running, starting
from segments.models import Run, Segmentation
from tests import given
from tests.api.calling import Caller, data
from tests.customers.given import imported

SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db


def told() -> list[tuple[str, str, str]]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", "subject", "actor"))


def test_signing_in_failing_to_and_signing_out_are_on_record_with_the_address(analyst: User) -> None:
    client = Client(REMOTE_ADDR="198.51.100.7")
    client.post("/accounts/login/", {"username": "analyst", "password": "wrong"})
    client.post("/accounts/login/", {"username": "analyst", "password": given.PASSWORD})
    client.post("/accounts/logout/")
    assert told() == [
        ("sign-in failed", "analyst", ""),
        ("signed in", "", "analyst"),
        ("signed out", "", "analyst"),
    ]
    assert set(AuditEntry.objects.values_list("address", flat=True)) == {"198.51.100.7"}


def test_what_is_done_to_keys_is_on_record_without_their_secrets(signed_in: SignIn, admin: User) -> None:
    browser = signed_in(admin)
    scopes = ["members:read", "segments:read"]
    browser.post("/api-keys/new", {"name": "Shop", "expires": "30", "scopes": scopes})
    assert "scopes: members:read, segments:read" in browser.get("/audit/").content.decode()
    key, secret = keys.create_key("Mail", scopes=["members:read"], by=admin)
    keys.rotate(key, by=admin)
    keys.revoke(key)
    deeds = [action for action, _, actor in told() if actor in {"admin", ""}]
    assert deeds == ["signed in", "key made", "key made", "key made", "key rotated", "key revoked"]
    assert secret not in str(list(AuditEntry.objects.values_list("detail", flat=True)))


@pytest.mark.parametrize("deed", ["UPDATE access_auditentry SET actor = 'nobody'", "DELETE FROM access_auditentry"])
def test_an_entry_can_be_neither_changed_nor_deleted(deed: str) -> None:
    entry = audit.record(Action.KEY_MADE, "key_1")
    with pytest.raises(DatabaseError, match="only appended to"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(deed)
    assert AuditEntry.objects.get() == entry


def test_not_even_the_retention_takes_what_is_young() -> None:
    audit.record(Action.KEY_MADE, "key_1")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL audit.retention = 'on'")
        with pytest.raises(DatabaseError, match="only appended to"):
            cursor.execute("DELETE FROM access_auditentry")
        transaction.set_rollback(True)


def test_entries_go_when_their_time_is_over(settings: object) -> None:
    old = audit.record(Action.KEY_MADE, "key_old")
    young = audit.record(Action.KEY_MADE, "key_young")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE access_auditentry DISABLE TRIGGER USER")
        AuditEntry.objects.filter(pk=old.pk).update(at=timezone.now() - timedelta(days=731))
        cursor.execute("ALTER TABLE access_auditentry ENABLE TRIGGER USER")
    assert pruning.prune() == 1
    assert list(AuditEntry.objects.all()) == [young]


def test_sessions_that_have_ended_and_failed_sign_ins_that_no_longer_count_go() -> None:
    now = timezone.now()
    for name, hours in (("ended", -1), ("goes-on", 1)):
        Session.objects.create(session_key=name, session_data="", expire_date=now + timedelta(hours=hours))
    for name, hours in (("long ago", 25), ("just now", 1)):
        attempt = AccessAttempt.objects.create(username=name, failures_since_start=1)
        AccessAttempt.objects.filter(pk=attempt.pk).update(attempt_time=now - timedelta(hours=hours))
    pruning.prune()
    assert list(Session.objects.values_list("session_key", flat=True)) == ["goes-on"]
    assert list(AccessAttempt.objects.values_list("username", flat=True)) == ["just now"]


def test_admins_search_the_trail_and_take_it_along(signed_in: SignIn, admin: User) -> None:
    audit.record(Action.RUN_PUBLISHED, "run_1", by=admin, segmentation="=cmd()")
    audit.record(Action.KEY_MADE, "key_1", by=admin)
    client = signed_in(admin)
    page = client.get("/audit/?search=run_1").content.decode()
    assert "Run published" in page
    assert "key_1" not in page
    assert "key_1" in client.get("/audit/", {"action": "key made", "from": "2020-01-01"}).content.decode()
    assert "No entry matches" in client.get("/audit/?to=2020-01-01").content.decode()
    assert client.get("/audit/?from=nonsense&action=none&after=x").status_code == 200
    lines = b"".join(client.get("/audit/export?search=run_1")).decode().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("at,action,subject")
    assert "run published,run_1,admin" in lines[1]


def test_every_deed_has_its_words() -> None:
    assert set(LABELS) == set(Action)


@pytest.mark.django_db(transaction=True)
def test_what_people_and_tools_do_to_data_and_segments_is_on_record(
    signed_in: SignIn, admin: User, manager: User
) -> None:
    registering.register(key="visits", label="Visits", kind="number")
    one = imported("id,age,spending\n" + "".join(f"{n},{n % 90},{n % 50}\n" for n in range(200)))
    caller = Caller("segmentations:write", "runs:write", "segments:read", "segments:write")
    definition = {"features": ["age", "spending_score"], "k": 2}
    slug = data(caller.post("/segmentations", {"name": "Ages", "definition": definition}), 201)["slug"]
    data(caller.patch(f"/segmentations/{slug}", {"description": "By age"}))
    segmentation = Segmentation.objects.get()
    run = starting.start_run(segmentation, by=manager, ring=False)
    leases.carry_out(Run, run.pk, running.execute)
    signed_in(manager).post(f"/runs/{run.public_id}/publish")
    segment = data(caller.get(f"/segmentations/{slug}/segments"))["results"][0]["id"]
    data(caller.patch(f"/segments/{segment}", {"name": "Young"}))
    assert caller.delete(f"/segmentations/{slug}").status_code == 204
    undoing.start_undo(one, by=admin, ring=False)
    deeds = [entry for entry in told() if not entry[0].startswith("signed")]
    assert deeds == [
        ("attribute registered", "visits", ""),
        ("import started", one.public_id, ""),
        ("key made", caller.key.public_id, ""),
        ("segmentation made", slug, ""),
        ("segmentation changed", slug, ""),
        ("run started", run.public_id, "manager"),
        ("run published", run.public_id, "manager"),
        ("segment changed", segment, ""),
        ("segmentation deleted", slug, ""),
        ("import undone", one.public_id, "admin"),
    ]
    by_key = AuditEntry.objects.filter(key_id=caller.key.public_id).values_list("action", flat=True)
    assert set(by_key) == {"segmentation made", "segmentation changed", "segment changed", "segmentation deleted"}
