"""A viewer sees figures and nobody's data, wherever they look."""

import re
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from customers.models import Customer
from segments.models import Run, Segment, Segmentation
from tests import given
from tests.architecture.addresses import endpoints
from tests.customers.given import imported
from tests.segments import given as given_segments

pytestmark = pytest.mark.django_db(transaction=True)

# Numbers and public ids in addresses.
ONE = re.compile(r"/(\d+|[a-z]{3}_[0-9a-z]{16})(?=/|$)")
OF_A_KIND = 2
ADDRESS = re.compile(r'(?:href|action|hx-get|data-url|fragment-url)="(/[^"#]*)')


@pytest.fixture
def site(segmentation: Segmentation) -> Run:
    """One of everything that a viewer may see, with data of people everywhere it could be."""
    for number, customer in enumerate(Customer.objects.order_by("pk")):
        customer.external_id = f"Canary-Id-{number}"
        customer.first_name, customer.last_name = f"Canary-First-{number}", f"Canary-Last-{number}"
        customer.email, customer.phone = f"canary.{number}@mail.example", f"+49 30 555{number:04d}"
        customer.save()
    imported("id,age\nCanary-Id-Rejected,Canary-Age\n")
    given_segments.publish(given_segments.run(segmentation))
    return given_segments.run(segmentation)


def everything(client: Client, start: str = "/") -> dict[str, str]:
    """Address → what is on it, of all pages that can be come to by links, without signing out; of each kind of page
    the first few.
    """
    found: dict[str, str] = {}
    kinds: Counter[str] = Counter()
    waiting = deque([start])
    while waiting:
        address = waiting.popleft().replace("&amp;", "&")
        path = address.split("?")[0]
        if path in found or path.startswith(("/static/", "/admin/", "/api/", "/accounts/logout", "/language")):
            continue
        kind = ONE.sub("/one", path)
        kinds[kind] += 1
        if kinds[kind] > OF_A_KIND:
            continue
        answer = client.get(address)
        found[path] = _body(answer).decode() if answer.status_code == 200 else ""
        waiting.extend(ADDRESS.findall(found[path]))
    return found


def test_no_page_and_no_answer_shows_a_viewer_anybodys_data(site: Run, signed_in: Callable[[User], Client]) -> None:
    admin, viewer = signed_in(given.person("admin")), signed_in(given.person("viewer"))
    known = everything(admin)
    shown = {path for path, body in known.items() if "canary" in body.lower()}
    assert {"/customers/", "/segments/", "/imports/"} <= {re.match(r"/\w+/", path)[0] for path in shown}  # type: ignore[index]
    for path in known:
        answer = viewer.get(path)
        assert b"canary" not in _body(answer).lower(), path
        if path in shown and "/segments/" not in path:
            assert answer.status_code == 403, path
    # What a viewer comes to by links is theirs.
    assert [path for path, body in everything(viewer).items() if not body] == []

    names = {"slug": site.segmentation.slug, "external_id": "Canary-Id-1"}
    segment = Segment.objects.first()
    assert segment is not None
    ids = [site.public_id, segment.public_id]
    for endpoint in endpoints():
        for public_id in ids if "public_id" in endpoint.route else [""]:
            parts = names | {"public_id": public_id}
            path = "/" + re.sub(r"<(?:\w+:)?(\w+)>", partial(_filled, parts), endpoint.route)
            for accept in ("application/json", "text/csv", "application/x-ndjson"):
                answer = viewer.get(path, headers={"Accept": accept})
                if answer.status_code == 200:
                    assert b"canary" not in _body(answer).lower(), path


def _body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else bytes(answer.content)


def _filled(parts: dict[str, str], found: re.Match[str]) -> str:
    return parts.get(found[1], "none")


def test_a_viewer_changes_nothing_however_it_is_asked_for(site: Run, signed_in: Callable[[User], Client]) -> None:
    viewer = signed_in(given.person("viewer"))
    segment = site.segmentation.segments.first()
    assert segment is not None
    tried = {
        f"/runs/{site.public_id}/publish": {},
        f"/runs/{site.public_id}/cancel": {},
        f"/runs/{site.public_id}/again": {},
        f"/runs/{site.public_id}/matches": {segment.public_id: ""},
        f"/segments/{segment.public_id}/edit": {"name": "Mine"},
        f"/segmentations/{site.segmentation.slug}/edit": {"name": "Mine"},
        f"/segmentations/{site.segmentation.slug}/schedule": {"every": "day", "publishes": "on"},
        f"/segmentations/{site.segmentation.slug}/runs": {},
    }
    before = (Run.objects.count(), list(Segment.objects.values()), list(Segmentation.objects.values()))
    for path, words in tried.items():
        assert viewer.post(path, words).status_code == 403, path
        answer = viewer.post(path, words, headers={"X-HTTP-Method-Override": "GET", "HX-Request": "true"})
        assert answer.status_code == 403, path
    assert before == (Run.objects.count(), list(Segment.objects.values()), list(Segmentation.objects.values()))
