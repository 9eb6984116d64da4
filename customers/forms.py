"""What people fill in to bring customers in."""

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from customers.models import Import

ACCEPTED = (".csv", ".tsv", ".txt", ".xlsx", ".ndjson", ".jsonl", ".parquet", ".gz", "text/csv")


class UploadForm(forms.Form):
    """The file of an import, as seen from outside; what is in it is looked at by the importing room."""

    kind = forms.ChoiceField(
        label=_("What it holds"),
        choices=[
            (Import.Kind.CUSTOMERS.value, _("Customers: one row for each")),
            (Import.Kind.TRANSACTIONS.value, _("Purchases: one row for each order")),
        ],
        initial=Import.Kind.CUSTOMERS.value,
        required=False,
        widget=forms.RadioSelect,
    )
    file = forms.FileField(
        label=_("File"),
        error_messages={
            "required": _("No file was chosen. Drop one here or choose one."),
            "empty": _("This file is empty. Choose one with a header and at least one row."),
        },
        widget=forms.FileInput(attrs={"accept": ",".join(ACCEPTED)}),
    )

    def clean_kind(self) -> str:
        """Customers, where nothing was said."""
        return self.cleaned_data["kind"] or Import.Kind.CUSTOMERS.value

    def clean_file(self) -> UploadedFile:
        """Refuse what is too large, and say how large it may be."""
        file: UploadedFile = self.cleaned_data["file"]
        if file.size is not None and file.size > settings.IMPORT_MAX_BYTES:
            raise forms.ValidationError(
                _("This file has %(size)s; at most %(limit)s can be imported at once. Split it and import the parts."),
                params={"size": filesizeformat(file.size), "limit": filesizeformat(settings.IMPORT_MAX_BYTES)},
            )
        return file
