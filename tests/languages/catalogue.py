"""Catalogues as files, and the messages that the code marks, without GNU gettext."""

import ast
import gettext
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = ("customers", "segments", "segmentation_site")
# How many texts each marking function takes, and at which place.
MARKS = {"_": 1, "gettext": 1, "gettext_lazy": 1, "gettext_noop": 1, "ngettext": 2, "ngettext_lazy": 2}
FACT = re.compile(r"%\(\w+\)s|%s|%%|\{[^{}]*\}")


@dataclass
class Message:
    """One entry of a catalogue: its id, the plural of it or "", what is said for each, and its flags."""

    id: str = ""
    plural: str = ""
    said: list[str] = field(default_factory=list)
    flags: str = ""


def folder(language: str) -> Path:
    return ROOT / "locale" / language / "LC_MESSAGES"


def read(language: str) -> list[Message]:
    """The entries of a language's catalogue, the header left out."""
    messages, keyword = [Message()], ""
    for line in (folder(language) / "django.po").read_text().splitlines():
        if line.startswith("#,"):
            messages[-1].flags += line
        elif not line:
            messages.append(Message())
        elif found := re.fullmatch(r'(msgid|msgid_plural|msgstr(?:\[\d\])?)? ?(".*")', line):
            keyword, text = found[1] or keyword, ast.literal_eval(found[2])
            if keyword.startswith("msgstr"):
                messages[-1].said += [text] if found[1] else []
                messages[-1].said[-1] += "" if found[1] else text
            elif keyword == "msgid":
                messages[-1].id += text
            else:
                messages[-1].plural += text
    return [message for message in messages if message.id]


def compiled(language: str) -> dict[object, str]:
    """Message id, or (message id, number of the plural form), to what is said, as the site reads it."""
    with (folder(language) / "django.mo").open("rb") as file:
        return {key: text for key, text in vars(gettext.GNUTranslations(file))["_catalog"].items() if key}


def in_code() -> set[tuple[str, str]]:
    """(message id, plural or "") of all that Python and templates mark."""
    found = set()
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.py")):
            found |= set(_in_python(path.read_text()))
    for path in sorted((ROOT / "templates").rglob("*.html")):
        found |= set(_in_template(path.read_text()))
    return found


def _in_python(source: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            texts = [
                one.value
                for one in node.args[: MARKS.get(name, 0)]
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]
            if texts:
                yield texts[0], texts[1] if len(texts) > 1 else ""


def _in_template(source: str) -> Iterator[tuple[str, str]]:
    """Django makes of a template what looks like Python, between letters that mean nothing."""
    like_python = templatize(source)
    for call in re.finditer(r"\b(n?gettext|_)\(", like_python):
        text = like_python[call.start() :]
        for end in (found.end() for found in re.finditer(r"\)", text)):
            try:
                yield from _in_python(text[:end])
            except SyntaxError:
                continue
            break
