"""What was made in English, said in the reader's language.

Rooms and pure code make sentences in English: workers, commands and the API hand them on as they are, and tables keep
them. Only where a page shows one is it translated, by the template that it was made from: a message id of the catalogue
with `{facts}`. The facts are read out of the sentence and put into the translated template, so that what was stored
years ago is said in a language that came later.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from string import Formatter
from typing import Any

from django.utils import translation
from django.utils.formats import get_format
from django.utils.text import capfirst
from django.utils.translation.trans_real import translation as catalogue_of

from segmentation_site.language.middleware import ENGLISH

# A number as code spells it: 1,234.5 and 40% and 1e+06; what stands between quotation marks stays as it was typed.
_NUMBER = re.compile(r"[+\-\u2212]?\d{1,3}(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?|[+\-\u2212]?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_NUMBER_WITH_UNIT = re.compile(rf"({_NUMBER.pattern})(%?)")
# Facts with these names are said, too: names of what is known of customers, and words and sentences of our own.
_LABELS = frozenset({"label", "feature", "other", "means"})
_OURS = frozenset(
    {"found", "which", "why", "state", "status", "stand_in", "reason", "figures", "detail", "what", "word", "deed"}
    | {"obstacle", "target", "field", "known", "noun"}
)
# Of these, facts that may be more than one sentence.
_LONG = frozenset({"reason", "figures", "detail", "why"})
_SENTENCE_ENDS = re.compile(r"(?<=[.?!]) ")
# Sentences of a text are looked for one after another; of longer ones only the whole is.
_MOST_SENTENCES = 12
# Templates with fewer letters of their own would be found everywhere, those above all that begin and end with a fact.
_LEAST_LETTERS, _LEAST_BETWEEN_FACTS = 3, 12
_LETTERS = re.compile(r"[^\W\d_]")
# What a fact may be; only one that is a sentence of our own goes on behind the end of a sentence.
_FACT, _SENTENCES = r"(?:(?![.?!] ).)+?", ".+?"


@dataclass(frozen=True, slots=True)
class _Template:
    """A message id with facts: what recognises its sentences, and how many characters of it are its own.

    needle    a part of each of its sentences: looking for it first is ten times as fast
    """

    pattern: re.Pattern[str]
    needle: str
    translated: str
    literal: int


def is_in_english() -> bool:
    """Whether the reader reads what was made as it was made."""
    return (translation.get_language() or ENGLISH).startswith(ENGLISH)


def said(text: object) -> str:
    """`text` in the reader's language; as it is where it was not made from anything that is translated."""
    plain = str(text)
    language = translation.get_language() or ENGLISH
    return plain if language.startswith(ENGLISH) or not plain.strip() else _said(language, plain)


def label(text: object) -> str:
    """The name of something that is known of customers, such as `Annual income`, as it stands on a page."""
    return capfirst(said(text))


def within(text: str) -> str:
    """A label within a sentence: with a small letter, but for languages whose nouns have none."""
    if is_in_english():
        return f"{text[:1].lower()}{text[1:]}"
    return text


def spelled(number: str) -> str:
    """A number that code has spelled, such as `1,234.5` or `1,000–1,999`, as the reader spells it; other texts "
    "as they are."""
    if is_in_english():
        return number
    low, dash, high = number.partition("–")
    if dash and low and high:
        return f"{spelled(low)}–{spelled(high)}"
    found = _NUMBER_WITH_UNIT.fullmatch(number)
    if not found:
        return number
    marks = {",": str(get_format("THOUSAND_SEPARATOR")), ".": str(get_format("DECIMAL_SEPARATOR"))}
    digits = "".join(marks.get(character, character) for character in found[1])
    return f"{digits}\u00a0%" if found[2] else digits


@lru_cache(maxsize=4096)
def _said(language: str, text: str) -> str:
    found = _whole(language, text)
    if found is None:
        found = _by_sentences(language, text)
    return text if found is None else found


def _whole(language: str, text: str) -> str | None:
    """The translation of a text that one message id made; None where there is none."""
    catalogue = _catalogue(language)
    if text in catalogue:
        return catalogue[text]
    # Names of columns are kept as the model has them, with a small letter, and shown with a large one; states the
    # other way round.
    if (small := f"{text[:1].lower()}{text[1:]}") in catalogue:
        return str(capfirst(catalogue[small]))
    if (large := capfirst(text)) in catalogue:
        return catalogue[large]
    for template in _templates(language):
        if template.needle in text and (found := template.pattern.fullmatch(text)):
            return _filled(template.translated, found.groupdict())
    return None


def _by_sentences(language: str, text: str) -> str | None:
    """Of several sentences each by itself: the shortest beginning that is known, then the rest; None for none."""
    ends = [found.start() for found in _SENTENCE_ENDS.finditer(text)]
    if not ends or len(ends) > _MOST_SENTENCES:
        return None
    for end in ends:
        if (beginning := _whole(language, text[:end])) is not None:
            return f"{beginning} {_said(language, text[end + 1 :])}"
    rest = text[ends[0] + 1 :]
    translated = _said(language, rest)
    return None if translated == rest else f"{text[: ends[0]]} {translated}"


def _filled(template: str, facts: Mapping[str, str]) -> str:
    """The translated template with the facts of the sentence."""
    parts = []
    for literal, name in _parts(template):
        parts.append(literal)
        if name is not None:
            fact = facts[f"fact_{name}"]
            is_quoted = literal.endswith(("“", "„", "'"))
            parts.append(fact if is_quoted else _fact(name, fact))
    return "".join(parts)


def _fact(name: str, fact: str) -> str:
    if name in _OURS:
        return spelled(said(fact))
    if name in _LABELS:
        return label(fact.replace("_", " "))
    return spelled(fact)


def _parts(template: str) -> Iterator[tuple[str, str | None]]:
    """(text, name of the fact behind it) of a template; facts without a name count up from 0."""
    number = 0
    for literal, name, _spec, _conversion in Formatter().parse(template):
        if name != "":
            yield literal, name
        else:
            yield literal, str(number)
            number += 1


@lru_cache(maxsize=8)
def _catalogue(language: str) -> dict[str, str]:
    """Message id → translation of everything that Django knows in that language, plural forms and contexts left out."""
    found: dict[str, str] = {}
    catalogue: Any = catalogue_of(language)
    # Each app's and the project's own catalogue are merged into one; later ones come first in it.
    for one in reversed(catalogue._catalog._catalogs):
        found |= {key: text for key, text in one.items() if isinstance(key, str) and key and "\x04" not in key and text}
    return found


@lru_cache(maxsize=8)
def _templates(language: str) -> tuple[_Template, ...]:
    """The message ids with facts, those that say most by themselves first: they fit what others only happen to."""
    found = []
    for message, translated in _catalogue(language).items():
        if "{" not in message or "%(" in message:
            continue
        try:
            parts = list(_parts(message))
        except ValueError:
            continue
        literal = sum(len(text.replace(" ", "")) for text, _name in parts)
        names = [name for _text, name in parts if name is not None]
        # Messages of libraries may show JSON, whose braces hold no facts.
        letters = len(_LETTERS.findall("".join(text for text, _name in parts)))
        is_open = len(parts) > 1 and not parts[0][0].strip() and parts[-1][1] is not None
        least = _LEAST_BETWEEN_FACTS if is_open else _LEAST_LETTERS
        if letters >= least and names and all(re.fullmatch(r"\w+", name) for name in names):
            needle = max((text for text, _name in parts), key=len)
            found.append(_Template(_pattern(parts), needle, translated, literal))
    return tuple(sorted(found, key=lambda one: -one.literal))


def _pattern(parts: list[tuple[str, str | None]]) -> re.Pattern[str]:
    pattern, seen = "", set()
    for literal, name in parts:
        pattern += re.escape(literal)
        if name is not None:
            fact = _SENTENCES if name in _LONG else _FACT
            pattern += f"(?P=fact_{name})" if name in seen else f"(?P<fact_{name}>{fact})"
            seen.add(name)
    return re.compile(pattern, re.DOTALL)
