"""What is said about every model."""

import io

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import Model

from tests.architecture.tree import APPS

MODELS = [model for model in apps.get_models() if model.__module__.split(".")[0] in APPS]


@pytest.mark.django_db
def test_every_change_of_a_model_has_its_migration() -> None:
    said = io.StringIO()
    try:
        call_command("makemigrations", "--check", "--dry-run", stdout=said)
    except (CommandError, SystemExit):
        pytest.fail(f"a migration is missing:\n{said.getvalue()}")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_declares_which_of_its_columns_are_personal(model: type[Model]) -> None:
    declared = model.__dict__.get("personal_data")
    assert isinstance(declared, tuple), f"{model.__name__} must name its personal columns in a tuple, () for none"
    columns = {name for field in model._meta.concrete_fields for name in (field.name, field.attname)}
    assert set(declared) <= columns


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_says_what_a_row_of_it_is(model: type[Model]) -> None:
    assert model.__doc__
    assert not model.__doc__.startswith(f"{model.__name__}("), f"{model.__name__} has no docstring of its own"
    assert model.__str__ is not Model.__str__, f"{model.__name__} does not say how pages name a row of it"
