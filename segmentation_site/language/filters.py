"""What every template may use without loading it."""

from typing import Any

from django import template
from django.utils.safestring import SafeData

from segmentation_site.language import saying

register = template.Library()
# Texts of a chart's configuration that are words; all else is data.
_WORDS_OF_CHARTS = frozenset({"text", "label"})


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
def said_in_chart(config: Any) -> Any:
    """A chart's configuration with its words in the reader's language, and nothing else changed."""
    if isinstance(config, dict):
        return {
            key: saying.said(value) if key in _WORDS_OF_CHARTS and isinstance(value, str) else said_in_chart(value)
            for key, value in config.items()
        }
    return [said_in_chart(value) for value in config] if isinstance(config, list) else config
