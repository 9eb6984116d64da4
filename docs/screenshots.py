"""Takes pictures of every page: `.venv/bin/python docs/screenshots.py FOLDER`, and `--docs` for the documentation.

It starts a demo site and an empty one of its own in temporary data folders, signs in as the admin whom they print,
and walks through the pages as a person would, in light, in dark and on a phone: also through what only shows after a
deed (a key made, a file imported, somebody invited) and through what nobody hopes to see (special_states.py).
"""

import argparse
import os
import re
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import special_states
from own_site import own_site
from playwright.sync_api import Browser, Page, sync_playwright
from special_states import Site, sign_in

IMAGES = Path(__file__).resolve().parent / "images"
FOR_DOCS = {"overview": "light", "run": "light", "segment": "dark", "customer": "light"}
# How much of each is shown there, in pixels from above.
FIRST_SIGHT = {"overview": 1060, "segment": 1100, "customer": 660}
# Or one part of it alone: the map tells most of a run.
FIRST_THING = {"run": "#map"}
CUSTOMERS = "CustomerID;Gender;Age;Annual Income (k$);Spending Score (1-100)\n{0};Female;31;61;48\n{0}b;Male;x;70;52\n"
PURCHASES = "customer;date;amount\n{0};2026-03-01;19.90\n{0};2026-03-09;5\n"
# What tells how to get started where there is nothing yet.
EMPTY = (
    "/",
    "/customers/",
    "/imports/",
    "/segmentations/",
    "/segmentations/new",
    "/segments/",
    "/exports/",
    "/exports/new",
    "/api-keys/",
    "/webhooks/",
    "/search?q=nobody",
)


@dataclass(frozen=True, slots=True)
class Look:
    """A way in which somebody looks at the site."""

    name: str
    width: int
    height: int
    scheme: str


PARTS = ("usual", "states", "empty")
LOOKS = (
    Look("light", 1360, 900, "light"),
    Look("dark", 1360, 900, "dark"),
    Look("phone", 390, 844, "light"),
    Look("phone-dark", 390, 844, "dark"),
)


# What is folded on a page and should be seen.
UNFOLDED = "form > details.card, #moves > details"


def chromium() -> str | None:
    """The system's browser; None for the one that Playwright brings."""
    return next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)


def addresses(page: Page, url: str) -> dict[str, str]:
    """Name of each page → its address, found by following links."""

    def linked(path: str, pattern: str) -> list[str]:
        page.goto(url + path)
        links = page.eval_on_selector_all("main a[href]", "all => all.map(one => one.getAttribute('href'))")
        return [link for link in links if re.fullmatch(pattern, link)]

    segmentation = linked("/segmentations/", r"/segmentations/(?!new)[\w-]+")[-1]

    return {
        "overview": "/",
        "customers": "/customers/",
        "customer": linked("/customers/", r"/customers/\d+")[0],
        "imports": "/imports/",
        # The oldest: what came later may still wait for its columns.
        "import": linked("/imports/", r"/imports/imp_\w+")[-1],
        "import-undo": linked("/imports/", r"/imports/imp_\w+")[-1] + "/undo",
        "import-new": "/imports/new",
        "segmentations": "/segmentations/",
        "segmentation": segmentation,
        "segmentation-new": "/segmentations/new",
        "segmentation-edit": f"{segmentation}/edit",
        "segmentation-schedule": f"{segmentation}/schedule",
        "run": linked(segmentation, r"/runs/run_\w+")[0],
        "run-compare": linked(segmentation, r"/runs/run_\w+")[0] + "/compare",
        "segments": "/segments/",
        # The largest is the average one, of whom there is least to say.
        "segment": linked("/segments/", r"/segments/sgm_\w+")[1],
        "exports": "/exports/",
        "export-new": "/exports/new",
        "api-keys": "/api-keys/",
        "api-key-new": "/api-keys/new",
        "customer-erase": linked("/customers/", r"/customers/\d+")[0] + "/erase",
        "people": "/people/",
        "people-new": "/people/new",
        "second-factor": "/accounts/second-factor",
        "audit": "/audit/",
        "webhooks": "/webhooks/",
        "webhook-new": "/webhooks/new",
        "status": "/status",
        "password": "/accounts/password/",
        "admin": "/admin/",
        "admin-customers": "/admin/customers/customer/",
        "search": "/search?q=ma",
        "customers-none": "/customers/?search=nobody-of-this-name",
        "not-found": "/nothing-here",
        "api-docs": "/api/docs",
    }


def send(page: Page) -> None:
    """Send the form of the page, as its first button would."""
    with page.expect_navigation():
        page.locator("main form:not([role=search]) [type=submit]").first.click()


def upload(page: Page, url: str, kind: str, text: str) -> None:
    """Show a file whose columns wait to be mapped."""
    page.goto(f"{url}/imports/new")
    page.check(f"[name=kind][value={kind}]")
    page.set_input_files("input[type=file]", {"name": f"{kind}.csv", "mimeType": "text/csv", "buffer": text.encode()})
    with page.expect_navigation():
        page.eval_on_selector("input[type=file]", "input => input.form.requestSubmit()")


def deeds(page: Page, url: str, look: Look, taken: Callable[[Page, str], None]) -> None:
    """What only shows after something has been done: it is done, and a picture taken of what is shown then."""
    for kind, text in (("customers", CUSTOMERS), ("transactions", PURCHASES)):
        upload(page, url, kind, text.format(look.name))
        taken(page, f"{kind}-map")
        with page.expect_navigation():
            page.click("[name=start]")
        page.wait_for_selector("[role=progressbar]", state="detached")
        taken(page, f"{kind}-imported")
    page.goto(f"{url}/customers/?search={look.name}")
    page.click("main tbody a")
    taken(page, "customer-of-later")

    page.goto(f"{url}/segmentations/new")
    send(page)
    taken(page, "segmentation-wrong")

    page.goto(f"{url}/exports/new")
    page.uncheck("[name=contactable]")
    send(page)
    page.wait_for_selector("[role=progressbar]", state="detached")
    taken(page, "export")

    page.goto(f"{url}/api-keys/new")
    page.fill("[name=name]", f"Newsletter, {look.name}")
    page.check("[name=scopes] >> nth=0")
    send(page)
    taken(page, "api-key-made")
    page.goto(f"{url}/api-keys/")
    taken(page, "api-keys-made")

    page.goto(f"{url}/webhooks/new")
    page.fill("[name=name]", f"Campaigns, {look.name}")
    page.fill("[name=url]", "https://8.8.8.8/segments")
    page.check("[name=events] >> nth=0")
    send(page)
    taken(page, "webhook-made")
    page.goto(f"{url}/webhooks/")
    taken(page, "webhooks-made")
    page.click("main tbody a")
    taken(page, "webhook")
    page.goto(f"{page.url}/edit")
    taken(page, "webhook-edit")


def strangers(page: Page, other: Page, url: str, look: Look, taken: Callable[[Page, str], None]) -> None:
    """What people see who are not in yet, or may not see everything."""
    name = f"viewer-{secrets.token_hex(2)}"
    page.goto(f"{url}/people/new")
    page.fill("[name=username]", name)
    send(page)
    taken(page, "person-link")
    link = page.locator("#link-itself").inner_text().strip()
    page.goto(f"{url}/people/")
    taken(page, "people-invited")

    other.goto(f"{url}/accounts/login/")
    taken(other, "sign-in")
    other.fill("[name=username]", "nobody")
    other.fill("[name=password]", "wrong")
    with other.expect_navigation():
        other.press("[name=password]", "Enter")
    taken(other, "sign-in-wrong")
    other.goto(link)
    taken(other, "invitation")
    own = secrets.token_urlsafe(12)
    for field in other.locator("input[type=password]").all():
        field.fill(own)
    with other.expect_navigation():
        other.press("input[type=password] >> nth=-1", "Enter")
    if "/login" in other.url:
        enter(other, url, name, own)
    taken(other, "overview-of-viewer")
    other.goto(f"{url}/people/")
    taken(other, "forbidden")
    other.goto(link)
    taken(other, "invitation-used")
    other.context.close()


def window(browser: Browser, look: Look, language: str) -> Page:
    """A new window in which nobody has signed in."""
    context = browser.new_context(
        viewport={"width": look.width, "height": look.height},
        color_scheme=look.scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        locale=language,
    )
    return context.new_page()


def enter(page: Page, url: str, name: str, password: str) -> None:
    """Sign in."""
    page.goto(f"{url}/accounts/login/")
    sign_in(page, name, password)
    page.wait_for_selector(".sidebar", state="attached")


def show(page: Page, name: str, picture: Path) -> None:
    """Take what the documentation shows of a page."""
    if name in FIRST_THING:
        page.locator(FIRST_THING[name]).screenshot(path=picture)
    else:
        width = page.evaluate("innerWidth")
        page.screenshot(path=picture, clip={"x": 0, "y": 0, "width": width, "height": FIRST_SIGHT[name]})


def taking(look: Look, folder: Path, *, for_docs: bool = False) -> Callable[[Page, str], None]:
    """What takes a picture of a page into `folder`."""

    def taken(page: Page, name: str) -> None:
        page.wait_for_load_state("networkidle")
        page.eval_on_selector_all(UNFOLDED, "all => all.forEach(one => { one.open = true; })")
        # As high as the page is, so that the sidebar reaches down to its end.
        whole = page.evaluate("document.documentElement.scrollHeight")
        width = page.evaluate("innerWidth")
        page.set_viewport_size({"width": width, "height": max(look.height, whole)})
        page.wait_for_timeout(300)
        picture = folder / f"{name}-{look.name}.png"
        if for_docs:
            show(page, name, picture)
        else:
            page.screenshot(path=picture)
        page.set_viewport_size({"width": look.width, "height": look.height})

    return taken


def take(site: Site, folder: Path, only: set[str], language: str, looks: list[Look], parts: list[str]) -> None:
    """Every page in each look into `folder`, the rare states after the usual ones."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for look in looks if "usual" in parts else ():
            page, taken = window(browser, look, language), taking(look, folder, for_docs=bool(only))
            enter(page, site.url, "admin", site.password)
            for name, path in addresses(page, site.url).items():
                if not only or name in only:
                    page.goto(site.url + path)
                    taken(page, name)
            if not only:
                deeds(page, site.url, look, taken)
                strangers(page, window(browser, look, language), site.url, look, taken)
            page.context.close()
        if not only and site.environment and "states" in parts:
            states = special_states.prepare(site)
            for look in looks:
                page, taken = window(browser, look, language), taking(look, folder)
                enter(page, site.url, "admin", site.password)
                if look is looks[0]:
                    sheet = window(browser, look, language)
                    enter(sheet, site.url, "admin", site.password)
                    special_states.on_paper(sheet, site, states, taken)
                    sheet.context.close()
                other = window(browser, look, language)
                special_states.visit(page, other, site, states, taken)
                page.context.close()
                other.context.close()
            with special_states.workers_asleep(site):
                for look in looks:
                    page = window(browser, look, language)
                    enter(page, site.url, "admin", site.password)
                    special_states.wait_in_vain(page, site, taking(look, folder))
                    page.context.close()
        browser.close()


def take_empty(site: Site, folder: Path, language: str, looks: list[Look]) -> None:
    """The pages of a site in which there is nothing yet, and then only customers of whom nobody may be written to."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for look in looks:
            page, taken = window(browser, look, language), taking(look, folder)
            enter(page, site.url, "admin", site.password)
            for path in EMPTY:
                page.goto(site.url + path)
                name = re.sub(r"\W+", "-", path.partition("?")[0]).strip("-") or "overview"
                taken(page, f"empty-{name}")
            page.context.close()
        special_states.fill_with_nobody_contactable(site)
        for look in looks:
            page = window(browser, look, language)
            enter(page, site.url, "admin", site.password)
            page.goto(f"{site.url}/exports/new")
            taking(look, folder)(page, "state-nobody-contactable")
            page.context.close()
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(tempfile.gettempdir()) / "screenshots")
    parser.add_argument("--docs", action="store_true", help="only the pictures of the documentation, into docs/images")
    parser.add_argument("--url", help="a site that runs already, whose admin has the password in PASSWORD")
    parser.add_argument("--language", default="en", help="what the browser asks for (default en)")
    names = [look.name for look in LOOKS]
    parser.add_argument("--looks", nargs="+", choices=names, default=names, help="only these (default all)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="only these (default all)")
    asked = parser.parse_args()
    # Ended from outside, it ends its site on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    asked.folder.mkdir(parents=True, exist_ok=True)
    only = set(FOR_DOCS) if asked.docs else set()
    looks = [look for look in LOOKS if look.name in asked.looks]
    if asked.url:
        site = Site(asked.url.rstrip("/"), os.environ["PASSWORD"])
        take(site, asked.folder, only, asked.language, looks, asked.parts)
    else:
        if {"usual", "states"} & set(asked.parts):
            with own_site("demo", 8700) as site:
                take(site, asked.folder, only, asked.language, looks, asked.parts)
        if not only and "empty" in asked.parts:
            with own_site("up", 8701) as site:
                take_empty(site, asked.folder, asked.language, looks)
    if asked.docs:
        IMAGES.mkdir(exist_ok=True)
        for name, look in FOR_DOCS.items():
            shutil.copy(asked.folder / f"{name}-{look}.png", IMAGES / f"{name}-{look}.png")


if __name__ == "__main__":
    main()
