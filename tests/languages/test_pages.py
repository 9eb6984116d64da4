"""Whoever reads German reads nothing else on any page; programs are answered in English nevertheless."""

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import User
from django.test import Client

from customers.models import Customer, Import
from segmentation_site.access.keys import create_key
from segmentation_site.webhooks import registering
from segmentation_site.webhooks.events import Event
from segments import exporting
from segments.models import Segment
from tests import given
from tests.languages import catalogue
from tests.pages import given as given_pages
from tests.segments import given as given_segments

SignIn = Callable[[User], Client]
GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}
# Words that German has not, but any English sentence of some length has.
ENGLISH = re.compile(r"\b(the|is|are|of|and|with|not|this|your|to|from|by|for|no|or|all|it)\b", re.IGNORECASE)
# What is in no language: code, and what a person or a run has named.
OF_NO_LANGUAGE = {"code", "pre", "script", "style", "svg"}
READ_ALOUD = ("title", "aria-label", "placeholder", "alt", "data-confirm", "data-copied", "data-label", "content")
# The name of the product; a word of the theme's that nobody sees, as its search is off.
NOT_OURS = {"Segments", "Type to search"}
FILE = b"Nummer;Jahre;Geld;Punkte\n1;old;20,5;30\n2;300;21;31\n3;33;22,25;40\n"


class Texts(HTMLParser):
    """All that somebody reads or hears of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.language = ""
        self._within: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "html":
            self.language = values.get("lang") or ""
        if "material-symbols-outlined" in (values.get("class") or "") or values.get("lang") == "en":
            tag = "code"
        self.found += [text for name in READ_ALOUD if tag != "meta" and (text := values.get(name))]
        if tag not in ("meta", "link", "img", "input", "br"):
            self._within.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._within:
            self._within.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and not OF_NO_LANGUAGE & set(self._within):
            self.found.append(" ".join(data.split()))


def texts_of(page: str) -> Texts:
    texts = Texts()
    texts.feed(page)
    return texts


@pytest.fixture
def site(transactional_db: None, admin: User) -> list[str]:
    """The pages of a site that has one of everything."""
    Customer.objects.bulk_create(
        Customer(
            external_id=f"c-{number}",
            gender="female" if number % 2 else "male",
            age=20 + number % 50,
            annual_income=20 + 60 * (number % 2) + number % 7,
            spending_score=15 + 70 * (number % 3 == 0) + number % 5,
            consent="granted",
        )
        for number in range(60)
    )
    features = ["annual_income", "spending_score", "gender"]
    segmentation = given_segments.segmentation("Alle", features, k_range=[2, 3])
    published = given_segments.publish(given_segments.run(segmentation))
    given_segments.redefine(segmentation, k=4)
    draft = given_segments.run(segmentation)
    browser = Client()
    browser.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    waiting = given_pages.uploaded(browser, FILE)
    one = given_pages.uploaded(browser, FILE)
    choices = {"column_0": "external_id", "column_1": "age", "column_2": "annual_income", "column_3": "spending_score"}
    browser.post(f"/imports/{one.public_id}/map", choices | {"start": "yes"})
    one.refresh_from_db()
    given_pages.carried_out(one)
    create_key("Newsletter", scopes=["members:read"], by=admin)
    webhook, _secret = registering.create(name="Zentrale", url="https://8.8.8.8/", events=list(Event), by=admin)
    segmentation.refresh_from_db()
    segment = Segment.objects.filter(profiles__run=segmentation.published_run).earliest("pk")
    customer = Customer.objects.earliest("pk")
    exporting.start_export(segmentation, segment, by=admin)
    return [
        "/",
        "/customers/",
        "/customers/?age.min=30&gender=female",
        f"/customers/{customer.pk}",
        f"/customers/{customer.pk}/erase",
        "/imports/",
        "/imports/new",
        f"/imports/{waiting.public_id}/map",
        f"/imports/{one.public_id}",
        "/segmentations/",
        "/segmentations/new",
        f"/segmentations/{segmentation.slug}",
        f"/segmentations/{segmentation.slug}/edit",
        f"/segmentations/{segmentation.slug}/schedule",
        f"/runs/{draft.public_id}",
        f"/runs/{published.public_id}",
        f"/runs/{draft.public_id}/compare",
        "/segments/",
        f"/segments/{segment.public_id}",
        "/exports/",
        "/exports/new",
        "/api-keys/",
        "/api-keys/new",
        "/webhooks/",
        "/webhooks/new",
        f"/webhooks/{webhook.public_id}",
        "/status",
        "/people/",
        "/people/new",
        "/audit/",
        "/accounts/password/",
        "/accounts/second-factor",
        "/nothing-here",
    ]


def test_no_page_holds_english_for_whoever_reads_german(site: list[str], signed_in: SignIn, admin: User) -> None:
    browser = signed_in(admin)
    names = {segment.name for segment in Segment.objects.all()}
    translated = {message.id for message in catalogue.read("de") if message.id not in message.said}
    rests: dict[str, list[str]] = {}
    for address in site:
        texts = texts_of(browser.get(address, headers=GERMAN).content.decode())
        assert texts.language == "de", address
        found = [
            text
            for text in texts.found
            if text not in names | NOT_OURS and (text in translated or ENGLISH.search(_without(names, text)))
        ]
        if found:
            rests[address] = found
    locked_out = texts_of(signed_in(given.person("viewer")).get("/people/", headers=GERMAN).content.decode())
    sign_in = texts_of(Client().get("/accounts/login/?next=/people/", headers=GERMAN).content.decode())
    for texts in (locked_out, sign_in):
        rests |= {text: [text] for text in texts.found if text not in NOT_OURS and ENGLISH.search(text)}
    assert not rests, "\n".join(f"{address}: {found}" for address, found in rests.items())


def test_programs_are_answered_in_english_whatever_their_headers_say(signed_in: SignIn, admin: User) -> None:
    browser = signed_in(admin)
    for address, status in (("/api/v1/customers/nobody", 404), ("/api/v1/customers?limit=none", 400)):
        answers = [browser.get(address, headers=headers) for headers in (GERMAN, {})]
        assert [answer.status_code for answer in answers] == [status, status]
        details = [answer.json()["detail"] for answer in answers]
        assert details[0] == details[1]
        assert ENGLISH.search(details[0])
    labels = {one["key"]: one["label"] for one in browser.get("/api/v1/attributes", headers=GERMAN).json()["results"]}
    assert labels["annual_income"] == "Annual income"


def test_numbers_are_spelled_as_the_reader_spells_them_but_never_where_programs_read_them(
    site: list[str], signed_in: SignIn, admin: User
) -> None:
    browser = signed_in(admin)
    Customer.objects.filter(external_id="c-1").update(annual_income=12345.5)
    customer = Customer.objects.get(external_id="c-1")
    assert "12.345,5" in browser.get(f"/customers/{customer.pk}", headers=GERMAN).content.decode()
    for address in site:
        page = browser.get(address, headers=GERMAN).content.decode()
        # Widths, tints and places of what is drawn; values of number fields.
        assert not re.findall(r'style="[^"]*\d,\d[^"]*"', page), address
        assert not re.findall(r'<input[^>]*type="number"[^>]*value="[^"]*[,.]\d{3}"', page), address
        assert not re.findall(r'aria-value\w+="\d+[,.]\d', page), address
        for chart in re.findall(r'<script id="[^"]*" type="application/json">(.*?)</script>', page):
            json.loads(chart)


def test_a_segment_has_its_own_name_on_a_map_in_every_language(site: list[str], signed_in: SignIn, admin: User) -> None:
    address = next(one for one in site if re.fullmatch(r"/runs/run_\w+", one))
    page = signed_in(admin).get(address, headers=GERMAN).content.decode()
    charts = map(json.loads, re.findall(r'<script id="[^"]*" type="application/json">(.*?)</script>', page))
    scatter = next(chart for chart in charts if chart.get("type") == "scatter")
    shown = {one["label"] for one in scatter["data"]["datasets"]}
    assert {segment.name for segment in Segment.objects.all()} <= shown


def test_files_hold_numbers_as_programs_read_them(site: list[str], signed_in: SignIn, admin: User) -> None:
    browser = signed_in(admin)
    for address in (f"/imports/{Import.objects.latest('pk').public_id}/rejects", "/audit/export"):
        english, german = (
            b"".join(browser.get(address, headers=headers).streaming_content)  # type: ignore[attr-defined]
            for headers in ({}, GERMAN)
        )
        assert english == german, address


def test_what_is_typed_on_german_pages_means_what_it_means_on_english_ones(signed_in: SignIn, admin: User) -> None:
    browser = signed_in(admin)
    one = given_pages.uploaded(browser, b"Customer id;Annual Income (k$)\n1;20.5\n2;1,234.5\n")
    choices = {"column_0": "external_id", "column_1": "annual_income", "factor_1": "0.001", "start": "yes"}
    browser.post(f"/imports/{one.public_id}/map", choices, headers=GERMAN)
    one.refresh_from_db()
    given_pages.carried_out(one)
    found = dict(Customer.objects.values_list("external_id", "annual_income"))
    assert found == {"1": pytest.approx(0.0205), "2": pytest.approx(1.2345)}


def test_everybody_chooses_their_language_on_every_page_and_before_they_sign_in(signed_in: SignIn, admin: User) -> None:
    stranger = Client(enforce_csrf_checks=True)
    page = stranger.get("/accounts/login/").content.decode()
    assert 'lang="de"' in page
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    assert stranger.post("/language", {"language": "de", "next": "/accounts/login/"}).status_code == 403
    chosen = {"language": "de", "next": "/accounts/login/", "csrfmiddlewaretoken": token[1]}
    answer = stranger.post("/language", chosen, follow=True)
    assert texts_of(answer.content.decode()).language == "de"
    assert "Anmelden" in answer.content.decode()

    browser = signed_in(admin)
    browser.post("/language", {"language": "de", "next": "/"})
    # What was chosen counts for more than what the browser says of itself.
    assert texts_of(browser.get("/", headers={"Accept-Language": "en"}).content.decode()).language == "de"
    assert browser.post("/language", {"language": "en", "next": "https://example.com/"})["Location"] == "/"
    assert texts_of(browser.get("/", headers=GERMAN).content.decode()).language == "en"


def _without(names: set[str], text: str) -> str:
    for name in names:
        text = text.replace(name, "")
    return text
