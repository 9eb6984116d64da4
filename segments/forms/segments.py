"""What people say of a segment, and which features a map shows."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class SegmentForm(forms.Form):
    """What people say of a segment: it stays with the segment over refits."""

    name = forms.CharField(label=_("Name"), max_length=100)
    description = forms.CharField(
        label=_("Notes"), required=False, max_length=5000, widget=forms.Textarea(attrs={"rows": 4})
    )
    action = forms.CharField(
        label=_("Action"),
        required=False,
        max_length=200,
        help_text=_("What to do for these customers, such as “invite to the preview”."),
    )


class MapForm(forms.Form):
    """Which two features a map of customers shows; what cannot be understood becomes the first two."""

    x = forms.ChoiceField()
    y = forms.ChoiceField()

    def __init__(self, data: Any, *, choices: Sequence[tuple[str, str]]) -> None:
        keys = [key for key, _label in choices]
        first = {"x": keys[0], "y": keys[min(1, len(keys) - 1)]}
        super().__init__({axis: data.get(axis) if data.get(axis) in keys else first[axis] for axis in first})
        for axis in first:
            self.fields[axis].choices = list(choices)  # type: ignore[attr-defined]
        self.full_clean()

    @property
    def axes(self) -> tuple[str, str]:
        """The features across and up."""
        return self.cleaned_data["x"], self.cleaned_data["y"]
