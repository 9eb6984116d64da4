"""Takes pictures of every page: `.venv/bin/python docs/screenshots.py FOLDER`, and `--docs` for the documentation.

In German with `--language de`.

It starts a demo site of its own in a temporary data folder, signs in as the admin that the demo prints, and walks
through the pages as a person would, in light, in dark and on a phone.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
FOR_DOCS = {"overview": "light", "run": "light", "segment": "dark", "customer": "light"}
# How much of each is shown there, in pixels from above.
FIRST_SIGHT = {"overview": 1060, "segment": 1100, "customer": 660}
# Or one part of it alone: the map tells most of a run.
FIRST_THING = {"run": "#map"}
SEGMENTATION = "Income and spending"
CUSTOMERS = "CustomerID;Gender;Age;Annual Income (k$);Spending Score (1-100)\n9001;Female;31;61;48\n9002;Male;?;70;52\n"


@dataclass(frozen=True, slots=True)
class Look:
    """A way in which somebody looks at the site."""

    name: str
    width: int
    height: int
    scheme: str


LOOKS = (
    Look("light", 1360, 900, "light"),
    Look("dark", 1360, 900, "dark"),
    Look("phone", 390, 844, "light"),
    Look("phone-dark", 390, 844, "dark"),
)


@contextlib.contextmanager
def demo_site() -> Iterator[tuple[str, str]]:
    """A demo of its own: its address and the admin's password."""
    with tempfile.TemporaryDirectory(prefix="seg-pictures-") as folder:
        environment = os.environ | {"DATA_DIR": folder}
        process = subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--port", "8700"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            told = ""
            for line in process.stdout or ():
                told += line
                if "Ctrl-C" in line:
                    break
            address, password = re.search(r"at +(http\S+)", told), re.search(r"password +(\S+)", told)
            if not address or not password:
                raise SystemExit(f"The demo did not start:\n{told}")
            # A draft beside what is in use, so that there is something to compare.
            draft = ["--name", SEGMENTATION, "--features", "annual_income,spending_score", "--k", "4"]
            subprocess.run([sys.executable, "manage.py", "segment", *draft], cwd=ROOT, env=environment, check=True)
            yield address[1].rstrip("/"), password[1]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


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
        "not-found": "/nothing-here",
        "api-docs": "/api/docs",
    }


def upload(page: Page, url: str) -> str:
    """A file whose columns wait to be mapped: the address of its page."""
    page.goto(f"{url}/imports/new")
    page.set_input_files("input[type=file]", {"name": "two.csv", "mimeType": "text/csv", "buffer": CUSTOMERS.encode()})
    with page.expect_navigation():
        page.eval_on_selector("input[type=file]", "input => input.form.requestSubmit()")
    return page.url.removeprefix(url)


def sign_in(browser: Browser, url: str, password: str, look: Look, language: str) -> Page:
    """A new window in which the admin has signed in."""
    context = browser.new_context(
        viewport={"width": look.width, "height": look.height},
        color_scheme=look.scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        locale=language,
    )
    page = context.new_page()
    page.goto(f"{url}/accounts/login/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", password)
    with page.expect_navigation():
        page.press("[name=password]", "Enter")
    return page


def show(page: Page, name: str, picture: Path) -> None:
    """Take what the documentation shows of a page."""
    if name in FIRST_THING:
        page.locator(FIRST_THING[name]).screenshot(path=picture)
    else:
        width = page.evaluate("innerWidth")
        page.screenshot(path=picture, clip={"x": 0, "y": 0, "width": width, "height": FIRST_SIGHT[name]})


def take(url: str, password: str, folder: Path, only: set[str], language: str) -> None:
    """Every page in every look into `folder`."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        for look in LOOKS:
            page = sign_in(browser, url, password, look, language)
            pages = addresses(page, url)
            if not only:
                pages["import-map"] = upload(page, url)
            for name, path in pages.items():
                if only and name not in only:
                    continue
                page.goto(url + path)
                page.wait_for_load_state("networkidle")
                page.eval_on_selector_all(UNFOLDED, "all => all.forEach(one => { one.open = true; })")
                # As high as the page is, so that the sidebar reaches down to its end.
                whole = page.evaluate("document.documentElement.scrollHeight")
                page.set_viewport_size({"width": look.width, "height": max(look.height, whole)})
                page.wait_for_timeout(300)
                picture = folder / f"{name}-{look.name}.png"
                if only:
                    show(page, name, picture)
                else:
                    page.screenshot(path=picture)
                page.set_viewport_size({"width": look.width, "height": look.height})
            page.context.close()
            anonymous = browser.new_page(
                viewport={"width": look.width, "height": look.height},
                color_scheme=look.scheme,  # type: ignore[arg-type]
                locale=language,
            )
            anonymous.goto(f"{url}/accounts/login/")
            anonymous.screenshot(path=folder / f"sign-in-{look.name}.png")
            anonymous.close()
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(tempfile.gettempdir()) / "screenshots")
    parser.add_argument("--docs", action="store_true", help="only the pictures of the documentation, into docs/images")
    parser.add_argument("--url", help="a site that runs already, whose admin has the password in PASSWORD")
    parser.add_argument("--language", default="en", help="what the browser asks for (default en)")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    only = set(FOR_DOCS) if asked.docs else set()
    if asked.url:
        take(asked.url.rstrip("/"), os.environ["PASSWORD"], asked.folder, only, asked.language)
    else:
        with demo_site() as (url, password):
            take(url, password, asked.folder, only, asked.language)
    if asked.docs:
        IMAGES.mkdir(exist_ok=True)
        for name, look in FOR_DOCS.items():
            shutil.copy(asked.folder / f"{name}-{look}.png", IMAGES / f"{name}-{look}.png")


if __name__ == "__main__":
    main()
