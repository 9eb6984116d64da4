"""What goes into a file of members."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from segments.models import FileFormat, Hashing


class ExportForm(forms.Form):
    """Whose members, in which form. `members` is a segment's id or a segmentation's slug."""

    members = forms.ChoiceField(label=_("Members of"))
    format = forms.ChoiceField(label=_("Format"), choices=FileFormat.choices, initial=FileFormat.CSV)
    hashed = forms.ChoiceField(
        label=_("Hashed for a platform"),
        choices=Hashing.choices,
        initial=Hashing.NONE,
        help_text=_("Then the file holds nothing but hashes, in the form that the platform asks for."),
    )
    columns = forms.MultipleChoiceField(
        label=_("Columns"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Beside the customer id, the segment, how firmly they belong and since when."),
    )
    contactable = forms.BooleanField(label=_("Only customers who agreed to be contacted"), required=False, initial=True)

    def __init__(
        self,
        *args: Any,
        members: Sequence[tuple[str, Sequence[tuple[str, str]]]],
        columns: Sequence[tuple[str, str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["members"].choices = members  # type: ignore[attr-defined]
        self.fields["columns"].choices = columns  # type: ignore[attr-defined]
