"""What the pages that people look at most cost the database: a few queries, and nothing twice."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from customers.models import Attribute
from segments.models import Run
from tests import given

# Beside what is shown: the session, who it is of, and what they may do. That it is used is written once a minute.
SIGNED_IN = 3
COUNTS = {"overview": SIGNED_IN + 8, "run": SIGNED_IN + 3, "segment": SIGNED_IN + 5}
# What could be known of customers is asked once, and not at all where every site knows what is shown.
ABOUT_ATTRIBUTES = {"overview": 1, "run": 0, "segment": 0}


def test_each_page_asks_for_everything_once(published: Run, signed_in: Callable[[User], Client]) -> None:
    browser = signed_in(given.person("manager", "mia"))
    segment = published.segmentation.segments.first()
    assert segment is not None
    pages = {"overview": "/", "run": f"/runs/{published.public_id}", "segment": f"/segments/{segment.public_id}"}

    found = {}
    for page, address in pages.items():
        # What a process remembers is known from here on.
        browser.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(address).status_code == 200
        statements = [query["sql"] for query in queries.captured_queries if query["sql"] not in ("BEGIN", "COMMIT")]
        about_attributes = [one for one in statements if f'FROM "{Attribute._meta.db_table}"' in one]
        assert len(about_attributes) == ABOUT_ATTRIBUTES[page], (page, about_attributes)
        found[page] = len(statements)

    assert found == COUNTS
