"""What people fill in to let a program in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from segmentation_site.access.scopes import Scope

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

MEANINGS = {
    Scope.CUSTOMERS_READ: _("Customers with their values and segments"),
    Scope.CUSTOMERS_WRITE: _("Add and update customers"),
    Scope.CUSTOMERS_ERASE: _("Erase a customer for good"),
    Scope.IMPORTS_WRITE: _("Import files, see their reports"),
    Scope.SEGMENTS_READ: _("Segments, their sizes and profiles"),
    Scope.SEGMENTS_WRITE: _("Rename segments, write notes and actions"),
    Scope.SEGMENTATIONS_WRITE: _("Define segmentations"),
    Scope.RUNS_WRITE: _("Start, cancel and publish runs"),
    Scope.MEMBERS_READ: _("Who is in which segment"),
    Scope.EXPORTS_WRITE: _("Export members as files"),
    Scope.WEBHOOKS_WRITE: _("Manage webhooks"),
}
EXPIRY = {"30": _("In 30 days"), "90": _("In 90 days"), "365": _("In a year"), "": _("Never")}


@dataclass(frozen=True, slots=True)
class ScopeLabel:
    """How a scope is offered: its name, and what it allows."""

    name: str
    meaning: "StrOrPromise"


class ApiKeyForm(forms.Form):
    """A name, what the key may do, and for how long."""

    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("The tool that will hold it, for example “Newsletter”."),
        error_messages={"required": _("Give the key a name, so that you know later which tool holds it.")},
    )
    expires = forms.ChoiceField(label=_("Expires"), choices=list(EXPIRY.items()), initial="365", required=False)
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        help_text=_("A tool that pulls segments and their members needs segments:read and members:read."),
        choices=[(scope.value, ScopeLabel(scope.value, meaning)) for scope, meaning in MEANINGS.items()],
        initial=[Scope.SEGMENTS_READ.value, Scope.MEMBERS_READ.value],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one thing that the key may do.")},
    )

    @property
    def expires_at(self) -> datetime | None:
        """When the key is to expire; None for never. Only on a valid form."""
        days = self.cleaned_data["expires"]
        return timezone.now() + timedelta(days=int(days)) if days else None
