"""What holds for every request."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.architecture.addresses import Address, pages

pytestmark = pytest.mark.django_db

NAMING = [page for page in pages() if page.has_arguments]


@pytest.mark.parametrize("address", NAMING, ids=str)
def test_a_page_of_something_that_no_column_could_name_is_not_there(
    address: Address, signed_in: Callable[[User], Client], admin: User
) -> None:
    browser = signed_in(admin)
    path = re.sub("<[^>]+>", "a%00b", f"/{address.route}")
    assert (browser.get(path).status_code, browser.post(path).status_code) == (404, 404)
