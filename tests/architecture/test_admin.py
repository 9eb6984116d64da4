"""Every table has a page in the admin that finds rows, or a reason why not."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db.models import Model

from segmentation_site.access.kept_admin import HistoryAdmin

OURS = ("customers", "segments", "access", "webhooks", "jobs", "http")
WITHOUT = {
    "access.authenticator": "holds the secrets of second factors; each person sees their own on their page",
    "segments.assignment": "its key has two columns, which the admin does not know; a segment's page lists its members",
    "segments.change": "its key has two columns; the API reads it",
    "jobs.sweeps": "says when somebody looked for jobs that nobody works at; the status page tells",
    "http.idempotentanswer": "answers of the API for a day, with what they were about",
}
# What people may correct or add by hand; all else happened.
CHANGED_BY_HAND = {"customers.customer", "customers.attribute", "segments.segmentation", "segments.segment"}


def ours() -> list[type[Model]]:
    found = [model for model in apps.get_models() if model._meta.app_label in OURS]
    assert len(found) > 15
    return found


def page_of(model: type[Model]) -> "ModelAdmin[Model]":
    found: ModelAdmin[Model] = admin.site._registry[model]
    return found


def test_every_model_has_a_page_or_a_reason() -> None:
    missing = {model._meta.label_lower for model in ours() if model not in admin.site._registry}
    assert missing == set(WITHOUT)


@pytest.mark.parametrize("model", [one for one in ours() if one in admin.site._registry], ids=lambda one: one.__name__)
def test_a_page_finds_rows_and_tells_them_apart(model: type[Model]) -> None:
    page = page_of(model)
    assert page.search_fields
    assert page.list_filter or model._meta.label_lower in {"customers.edit", "customers.suppressed"}
    assert len(page.list_display) > 1
    is_kept = isinstance(page, HistoryAdmin)
    assert is_kept == (model._meta.label_lower not in CHANGED_BY_HAND)
