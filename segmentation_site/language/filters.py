"""What every template may use without loading it."""

from collections.abc import Iterable
from html import escape
from typing import Any

import orjson
from django import template
from django.utils.safestring import SafeData, SafeString, mark_safe

from segmentation_site.language import saying

register = template.Library()
# Texts of a chart's configuration that are words; all else is data.
_WORDS_OF_CHARTS = frozenset({"text", "label"})
# What HTML would understand, written as JSON can write it, too.
_HARMLESS = {b"<": b"\\u003c", b">": b"\\u003e", b"&": b"\\u0026"}


@register.filter
def said(text: object) -> str:
    """A sentence that was made in English, in the reader's language; what a template made is in it already."""
    return text if isinstance(text, SafeData) else saying.said(text)  # type: ignore[return-value]


@register.filter
def label(text: object) -> str:
    """The name of something known of customers, in the reader's language."""
    return saying.label(text)


@register.filter
def spelled(number: object) -> str:
    """A number that code has spelled, as the reader spells it."""
    return saying.spelled(str(number))


@register.filter
def table_rows(rows: Iterable[Iterable[object]]) -> SafeString:
    """The same as `<tr>`s: of each row its name, then its numbers as the reader spells them, beside what code spelled.

    Made here because a page has hundreds of such cells: in a template's loop they took a fifth of a segment's page.
    """
    return mark_safe("".join(_table_row(*row) for row in rows))  # noqa: S308 - every text in it is escaped


def _table_row(name: object, *cells: object) -> str:
    numbers = "".join(
        f'<td class="number" data-value="{escape(cell)}">{escape(saying.spelled(cell))}</td>'
        for cell in map(str, cells)
    )
    return f'<tr><th scope="row">{escape(str(name))}</th>{numbers}</tr>'


@register.filter
def chart_data(config: Any, element_id: str) -> SafeString:
    """A chart's configuration as JSON in a script element, with its words in the reader's language and nothing else
    changed.

    What is `named` keeps its label: a segment has the same name on the whole page, in every language.
    As Django's `json_script`, but with orjson, which takes a tenth of the time for thousands of points.
    """
    spoken = config if saying.is_in_english() else _said_within(config)
    told = orjson.dumps(spoken)
    for sign, harmless in _HARMLESS.items():
        told = told.replace(sign, harmless)
    return mark_safe(  # noqa: S308 - nothing in it can end the element
        f'<script id="{escape(element_id)}" type="application/json">{told.decode()}</script>'
    )


def _said_within(config: Any) -> Any:
    if isinstance(config, dict):
        own = "label" if config.get("named") else None
        return {key: value if key == own else _said_under(key, value) for key, value in config.items()}
    return [_said_within(value) for value in config] if isinstance(config, list) else config


def _said_under(key: str, value: Any) -> Any:
    if isinstance(value, str):
        return saying.said(value) if key in _WORDS_OF_CHARTS else value
    # The points of a dataset: thousands of them, and no word among them.
    return value if key == "data" and isinstance(value, list) else _said_within(value)
