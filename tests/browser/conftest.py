"""A real site for a real browser: gunicorn, a Celery worker, and Chromium, on the suite's own servers."""

import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

from tests import given

# Playwright's synchronous calls run beside an event loop, in which Django otherwise refuses to ask the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

ABORTED = ("htmx:sendAbort", "htmx:afterRequest")
WIDE, PHONE = (1280, 900), (390, 844)


@cache
def chromium() -> str | None:
    """The system's browser, or the one that Playwright installed; None where there is neither."""
    for name in ("chromium", "chromium-browser"):
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    ours = [item for item in items if here in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.browser)
        if chromium() is None:
            item.add_marker(pytest.mark.skip(reason="NO CHROMIUM HERE: nothing of the pages was tested in a browser"))


@pytest.fixture(autouse=True)
def _passwords_as_the_site_keeps_them(settings: object) -> None:
    """People of these tests sign in at a site of its own, which knows no quick hasher."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, object]:
    """Chromium as it is here; as root it has no sandbox."""
    return {"executable_path": chromium(), "args": ["--no-sandbox"] if os.getuid() == 0 else []}


@pytest.fixture(scope="session")
def browser_context_args() -> dict[str, object]:
    return {"viewport": {"width": WIDE[0], "height": WIDE[1]}, "reduced_motion": "reduce"}


@pytest.fixture
def site(web: str, worker: object, page: Page) -> Iterator[str]:
    """The address of the site, with a worker, whose pages `page` may visit without anything going wrong in them."""
    yield web
    # A page that goes on asking would get into the way of emptying the tables.
    page.goto("about:blank")


@pytest.fixture
def complaints(page: Page) -> Iterator[list[str]]:
    """What the browser complained of; the test fails when there is anything in the end."""
    found: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        # Chromium says so of every answer that is refused on purpose, such as a form with a fault; htmx of every
        # question that a newer one makes needless.
        is_meant = "the server responded with a status of 4" in message.text or message.text in ABORTED
        if message.type == "error" and not is_meant:
            found.append(f"{page.url}: {message.text}")

    page.on("console", hear)
    page.on("pageerror", lambda error: found.append(f"{page.url}: {error}"))
    yield found
    assert not found


@pytest.fixture
def sign_in(site: str, page: Page, complaints: list[str]) -> Callable[[User], None]:
    """`sign_in(user)` through the page, as people do."""

    page.set_default_timeout(15_000)

    def enter(user: User) -> None:
        page.goto(f"{site}/accounts/login/")
        page.get_by_label("Username").fill(user.username)
        page.get_by_label("Password").fill(given.PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{site}/")

    return enter
