"""What the pictures of docs/screenshots.py show beside the usual pages: what is rare, ill, or only for a moment.

`prepare` puts a demo site into these states, once it has been looked at as it usually is, and `visit` walks through.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route

ROOT = Path(__file__).resolve().parent.parent
Taken = Callable[[Page, str], None]
VISITS = "CustomerID,Visits\n" + "".join(f"{number},{number * 7 % 23}\n" for number in range(1, 990))
TWICE = "CustomerID,Age\n1,30\n"
DAYS = "CustomerID,Joined on\n" + "".join(f"{number},0{number}/0{number + 1}/2024\n" for number in range(1, 7))

VISITS_KNOWN = """
from customers import registering
registering.register(key="visits", label="Visits", kind="number")
print("{}")
"""

# In the site's own process; prints name → address. Nothing in it waits for a worker.
STATES = """
import json, uuid
from datetime import timedelta
from django.utils import timezone
from customers import registering
from customers.models import Attribute, Import
from segmentation_site.webhooks import registering as webhooks
from segmentation_site.webhooks.events import Event
from segmentation_site.webhooks.models import Delivery, Webhook
from segments import defining, publishing
from segments.models import Candidate, Run, Segmentation

now = timezone.now()
first = Segmentation.objects.get(slug="income-and-spending")
before, draft = first.published_run, first.runs.order_by("-pk")[0]
publishing.publish(draft, by=None)
found = {"history": f"/segments/{draft.profiles.filter(segment__isnull=False)[1].segment.public_id}"}
found["superseded"] = f"/runs/{before.public_id}"

def other(name, **values):
    one = defining.create_segmentation(name=name, definition=defining.read_definition(draft.definition))
    run = Run.objects.create(segmentation=one, definition=before.definition, started_at=now, **values)
    return run

live = other("Spring campaign", status="running", phase="trying each number of segments", progress_done=6,
    progress_total=9, lease_token=uuid.uuid4(), lease_expires_at=now + timedelta(hours=2))
Run.objects.filter(pk=live.pk).update(started_at=now - timedelta(seconds=17))
for one in before.candidates.order_by("k")[:6]:
    one.pk, one.run = None, live
    one.save(force_insert=True)
found["live"] = f"/runs/{live.public_id}"
failed = other("Autumn campaign", status="failed", error_code="cannot_segment", finished_at=now,
    error_detail="There is no attribute 'shoe_size' any more. Choose other features or conditions.")
found["failed"] = f"/runs/{failed.public_id}"
found["cancelled"] = f"/runs/{other('Winter campaign', status='cancelled', finished_at=now).public_id}"

weak = Segmentation.objects.get(slug="age-alone").runs.get()
Run.objects.filter(pk=weak.pk).update(verdict="no_clear_groups", silhouette=0.21, warnings=[
    "Age is skewed (skewness 2.4): a few very high values pull groups towards themselves."])
found["weak"] = f"/runs/{weak.public_id}"

registering.remove(Attribute.objects.get(key="visits"))
found["removed"] = "/segmentations/visits"

hook, _secret = webhooks.create(name="Old newsletter", url="https://8.8.8.8/gone", events=list(Event), by=None)
Webhook.objects.filter(pk=hook.pk).update(is_enabled=False, disabled_reason=(
    "It was turned off after five days in which nothing could be delivered."))
Delivery.objects.create(webhook=hook, event_id="evt_1", type=Event.RUN_PUBLISHED, status="failed", response_status=410,
    response_excerpt="Gone", tried_at=now, seconds=0.3)
Delivery.objects.create(webhook=hook, event_id="evt_2", type=Event.RUN_FINISHED, status="failed",
    error="The address did not answer within 10 seconds.", tried_at=now, seconds=10.0)
Delivery.objects.create(webhook=hook, event_id="evt_3", type=Event.RUN_FINISHED)
found["webhook-ill"] = f"/webhooks/{hook.public_id}"

broken = Import.objects.create(file_name="broken.xlsx", status="failed", error_code="unreadable", finished_at=now,
    error_detail="The file ends in the middle of a row. Save it again and import it once more.")
found["import-failed"] = f"/imports/{broken.public_id}"
print(json.dumps(found))
"""
# Pages that no deed leads to, as they would be sent.
TOLD = (
    "from django.template.loader import render_to_string as told; import json;"
    "print(json.dumps({name: told(f'{name}.html', {'request_id': 'req_3f1b'}) for name in ('400', '403_csrf', '500')}))"
)


@dataclass(frozen=True, slots=True)
class Site:
    """A site that runs, its admin's password, and how its commands are run."""

    url: str
    password: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def manage(self, *arguments: str) -> str:
        """What a command of the site prints."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=dict(self.environment), check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    def shell(self, code: str) -> dict[str, str]:
        """What some code in the site's shell prints last, as JSON."""
        told: dict[str, str] = json.loads(self.manage("shell", "-v0", "-c", code).strip().splitlines()[-1])
        return told


def prepare(site: Site) -> dict[str, str]:
    """Put a demo site into rare states: name of each → its address."""
    folder = Path(site.environment["DATA_DIR"])
    for name, text in (("visits", VISITS), ("twice", TWICE)):
        (folder / f"{name}.csv").write_text(text)
    site.manage("segment", "--name", "Age alone", "--features", "age", "--k", "6")
    code = (
        "from customers import registering as r; import json; r.register(key='visits', label='Visits', kind='number')"
    )
    site.shell(f"{code}; print(json.dumps({{}}))")
    site.manage(
        "import_customers", str(folder / "visits.csv"), "--map", "CustomerID=external_id", "--map", "Visits=visits"
    )
    site.manage("segment", "--name", "Visits", "--features", "visits,spending_score", "--k", "3", "--publish")
    site.manage("import_customers", str(folder / "twice.csv"))
    return site.shell(STATES)


def visit(page: Page, other: Page, site: Site, states: dict[str, str], taken: Taken) -> None:
    """Every rare state: of the site, of its pages, and of somebody who signs in."""
    for name, address in states.items():
        page.goto(site.url + address)
        taken(page, f"state-{name}")
    page.goto(f"{site.url}/")
    taken(page, "state-overview")
    page.goto(f"{site.url}/segmentations/")
    taken(page, "state-segmentations")
    _opened(page, site, taken)
    _files(page, site, taken)
    _kept(page, site, taken)
    _second_factor(page, other, site, taken)
    _told(other, site, taken)


def on_paper(page: Page, site: Site, states: dict[str, str], taken: Taken) -> None:
    """The pages that are printed as reports, on a sheet as wide as paper."""
    page.set_viewport_size({"width": 760, "height": 1075})
    for name in ("superseded", "history"):
        page.emulate_media(media="screen")
        page.goto(site.url + states[name])
        page.wait_for_load_state("networkidle")
        # As a browser does that prints: charts are drawn for paper before it is laid out.
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        taken(page, f"paper-{name}")
        page.set_viewport_size({"width": 760, "height": 1075})


@contextlib.contextmanager
def workers_asleep(site: Site) -> Iterator[None]:
    """No worker of the site answers meanwhile."""
    own = f"DATA_DIR={site.environment['DATA_DIR']}".encode()
    workers = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_worker = b"worker" in (process / "cmdline").read_bytes().split(b"\0")
            if is_worker and own in (process / "environ").read_bytes().split(b"\0"):
                workers.append(int(process.name))
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


def wait_in_vain(page: Page, site: Site, taken: Taken) -> None:
    """Work that no worker takes up, and what the site says of itself then."""
    page.goto(f"{site.url}/segmentations/income-and-spending")
    start = page.locator("form[action$='/runs'] [type=submit]")
    if start.count():
        with page.expect_navigation():
            start.first.click()
    else:
        page.click("a[href^='/runs/']")
    page.wait_for_selector(".job .note-warning", timeout=60_000)
    taken(page, "state-no-worker")
    page.goto(f"{site.url}/status")
    taken(page, "state-status-ill")


def fill_with_nobody_contactable(site: Site) -> None:
    """Customers who have not agreed to anything, divided and in use."""
    file = Path(site.environment["DATA_DIR"]) / "silent.csv"
    rows = (f"{number},{20 + number % 40},{number * 37 % 100}" for number in range(120))
    file.write_text("\n".join(["CustomerID,Age,Spending Score (1-100)", *rows]))
    site.manage("import_customers", str(file))
    site.manage("segment", "--name", "By age", "--features", "age,spending_score", "--k", "3", "--publish")


def _opened(page: Page, site: Site, taken: Taken) -> None:
    """What opens over a page or in it."""
    page.goto(f"{site.url}/customers/")
    page.keyboard.press("/")
    page.keyboard.type("ma")
    page.wait_for_selector("#search-found a")
    taken(page, "open-search")
    page.goto(f"{site.url}/customers/")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[data-shortcuts][open]")
    taken(page, "open-shortcuts")
    page.keyboard.press("Escape")
    for one in page.locator("main form details").all():
        one.evaluate("one => { one.open = true; }")
    taken(page, "open-filters")
    menu = page.locator(".top-bar button")
    if menu.is_visible():
        menu.click()
        page.wait_for_timeout(400)
    page.locator(".account-summary").last.click()
    taken(page, "open-menu")
    page.goto(f"{site.url}/")
    page.eval_on_selector_all("main figure details", "all => all.forEach(one => { one.open = true; })")
    taken(page, "open-tables")
    page.goto(f"{site.url}/segmentations/new")
    page.locator("button[data-ticks]").last.click()
    taken(page, "open-everything-numeric")


def _files(page: Page, site: Site, taken: Taken) -> None:
    """Files of which there is something to say before they come in."""
    for name, text in (("twice", TWICE), ("days", DAYS), ("without-id", "Name,Age\nAda,36\n")):
        page.goto(f"{site.url}/imports/new")
        file = {"name": f"{name}.csv", "mimeType": "text/csv", "buffer": text.encode()}
        page.set_input_files("input[type=file]", file)  # type: ignore[arg-type]
        with page.expect_navigation():
            page.eval_on_selector("input[type=file]", "input => input.form.requestSubmit()")
        taken(page, f"map-{name}")
        if name == "days":
            with page.expect_navigation():
                page.click("[name=check]")
            page.wait_for_selector("[role=progressbar]", state="detached")
            taken(page, "import-checked")
    page.goto(f"{site.url}/imports/new")
    file = {"name": "picture.csv", "mimeType": "text/csv", "buffer": b"\x89PNG\x00\x00\x00"}
    page.set_input_files("input[type=file]", file)  # type: ignore[arg-type]
    with page.expect_navigation():
        page.eval_on_selector("input[type=file]", "input => input.form.requestSubmit()")
    taken(page, "import-refused")


def _kept(page: Page, site: Site, taken: Taken) -> None:
    """A session that ended while somebody filled in a form."""
    page.goto(f"{site.url}/segmentations/new")
    page.fill("[name=name]", "By age alone")
    site.shell("from django.contrib.sessions.models import Session; Session.objects.all().delete(); print('{}')")
    with page.expect_navigation():
        page.click("main .form-actions [type=submit]")
    sign_in(page, "admin", site.password)
    taken(page, "kept-form")


def _second_factor(page: Page, other: Page, site: Site, taken: Taken) -> None:
    """Somebody who adds a second factor, signs in with it, and is locked out at last."""
    name, password = f"nina-{os.urandom(2).hex()}", base64.urlsafe_b64encode(os.urandom(12)).decode()
    site.shell(
        "from django.contrib.auth.models import User, Group; import json;"
        f"one = User.objects.create_user({name!r}, password={password!r});"
        "one.groups.add(Group.objects.get(name='manager')); print(json.dumps({}))"
    )
    other.goto(f"{site.url}/accounts/login/")
    sign_in(other, name, password)
    other.goto(f"{site.url}/accounts/second-factor")
    address = other.locator(".snippet").first.text_content() or ""
    secret = parse_qs(urlsplit(address.strip()).query)["secret"][0]
    other.fill("[name=code]", "000000")
    _send(other)
    taken(other, "second-factor-wrong")
    other.fill("[name=code]", _code(secret))
    _send(other)
    taken(other, "second-factor-added")
    other.goto(f"{site.url}/accounts/second-factor")
    taken(other, "second-factor-remove")
    other.context.clear_cookies()
    other.goto(f"{site.url}/accounts/login/")
    sign_in(other, name, password)
    taken(other, "second-factor-code")
    other.fill("[name=code]", "000000")
    _send(other)
    taken(other, "second-factor-code-wrong")
    other.goto(f"{site.url}/accounts/login/")
    for _try in range(6):
        if other.locator("[name=password]").count():
            sign_in(other, name, "wrong")
    taken(other, "sign-in-locked")


def _told(other: Page, site: Site, taken: Taken) -> None:
    """Pages that say what went wrong. Nothing of the site fails when it is told to."""
    for name, body in site.shell(TOLD).items():

        def answer(route: Route, *, body: str = body) -> None:
            route.fulfill(status=500, content_type="text/html", body=body)

        other.route(f"{site.url}/told-{name}", answer)
        other.goto(f"{site.url}/told-{name}")
        taken(other, f"told-{name}")


def sign_in(page: Page, name: str, password: str) -> None:
    """Fill in the sign-in that the page shows."""
    page.fill("[name=username]", name)
    page.fill("[name=password]", password)
    with page.expect_navigation():
        page.press("[name=password]", "Enter")


def _send(page: Page) -> None:
    with page.expect_navigation():
        page.press("[name=code]", "Enter")


def _code(secret: str) -> str:
    """What an authenticator app shows now (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    place = digest[-1] & 15
    number: int = struct.unpack(">I", digest[place : place + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"
