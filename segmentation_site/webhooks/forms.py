"""What people fill in to have another system told."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import gettext_lazy as _

from segmentation_site.webhooks.addresses import LONGEST
from segmentation_site.webhooks.events import MEANINGS, Event
from segmentation_site.webhooks.registering import LONGEST_NAME

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class EventLabel:
    """How an event is offered: its name, and when it is told."""

    name: str
    meaning: "StrOrPromise"


class WebhookForm(forms.Form):
    """Who is told, where, and of what. Whether the address can be is for the room to say."""

    name = forms.CharField(
        label=_("Name"),
        max_length=LONGEST_NAME,
        help_text=_("The system that is told, for example “Newsletter”."),
        error_messages={"required": _("Give the webhook a name, so that you know later what is behind it.")},
    )
    url = forms.CharField(
        label=_("Address"),
        max_length=LONGEST,
        help_text=_("Begins with https:// and is reached from the internet."),
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/hooks/segments"}),
        error_messages={"required": _("Give the address to which events are sent.")},
    )
    events = forms.MultipleChoiceField(
        label=_("Tell it when"),
        help_text=_("Events name runs, imports and exports, never customers."),
        choices=[(event.value, EventLabel(event.value, meaning)) for event, meaning in MEANINGS.items()],
        initial=[Event.RUN_PUBLISHED.value],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one event.")},
    )
