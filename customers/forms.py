"""What people fill in to bring customers in."""

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

ACCEPTED = (".csv", ".tsv", ".txt", "text/csv")


class UploadForm(forms.Form):
    """The file of an import, as seen from outside; what is in it is looked at by the importing room."""

    file = forms.FileField(
        label=_("File with customers"),
        error_messages={
            "required": _("No file was chosen. Drop one here or choose one."),
            "empty": _("This file is empty. Choose one with a header and at least one row."),
        },
        widget=forms.FileInput(attrs={"accept": ",".join(ACCEPTED)}),
    )

    def clean_file(self) -> UploadedFile:
        """Refuse what is too large, and say how large it may be."""
        file: UploadedFile = self.cleaned_data["file"]
        if file.size is not None and file.size > settings.IMPORT_MAX_BYTES:
            raise forms.ValidationError(
                _("This file has %(size)s; at most %(limit)s can be imported at once. Split it and import the parts."),
                params={"size": filesizeformat(file.size), "limit": filesizeformat(settings.IMPORT_MAX_BYTES)},
            )
        return file
