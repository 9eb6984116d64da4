"""The German catalogue is whole, says what the code says, and is what was compiled."""

import re

import pytest

from tests.languages import catalogue
from tests.languages.catalogue import FACT, Message

HOW = (
    "Run ./run manage makemessages -l de --no-obsolete --add-location file (it needs GNU gettext), translate what is "
    "new in locale/de, then ./run manage compilemessages; see CONTRIBUTING.md."
)


@pytest.fixture(scope="module")
def german() -> list[Message]:
    return catalogue.read("de")


def test_everything_that_the_code_marks_is_in_the_catalogue_and_nothing_else(german: list[Message]) -> None:
    marked, known = catalogue.in_code(), {(message.id, message.plural) for message in german}
    assert len(marked) > 1000
    assert not marked - known, HOW
    assert not known - marked, HOW


def test_everything_is_translated(german: list[Message]) -> None:
    forms = {message.id: 2 if message.plural else 1 for message in german}
    assert not [message.id for message in german if len(list(filter(None, message.said))) != forms[message.id]]
    assert not [message.id for message in german if "fuzzy" in message.flags]


def test_translations_have_the_facts_of_what_they_translate(german: list[Message]) -> None:
    for message in german:
        for form, said in zip((message.id, message.plural), message.said, strict=False):
            assert sorted(FACT.findall(said)) == sorted(FACT.findall(form)), message.id
            assert re.findall(r"</?\w+", said) == re.findall(r"</?\w+", form), message.id


def test_what_is_compiled_is_the_catalogue(german: list[Message]) -> None:
    expected: dict[object, str] = {}
    for message in german:
        if message.plural:
            expected |= {(message.id, number): said for number, said in enumerate(message.said)}
        else:
            expected[message.id] = message.said[0]
    assert catalogue.compiled("de") == expected, HOW
