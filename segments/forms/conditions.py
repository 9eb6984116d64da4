"""Who takes part: rows of attribute, comparison and value."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from segmentation_site.jobs.problems import Problem
from segmentation_site.language.saying import label as label_of
from segmentation_site.language.saying import said
from segments.browsing.features import AttributeOption
from segments.kmeans.checking import Single
from segments.kmeans.definition import Condition, Operator

BLANK_ROWS = 2
OPERATORS = [
    (Operator.EQ.value, _("is")),
    (Operator.NE.value, _("is not")),
    (Operator.GE.value, _("is at least")),
    (Operator.GT.value, _("is above")),
    (Operator.LE.value, _("is at most")),
    (Operator.LT.value, _("is below")),
    (Operator.IN.value, _("is one of (a, b, c)")),
    (Operator.CONTAINS.value, _("contains")),
    (Operator.IS_MISSING.value, _("is not known")),
]
_TRUE = {"yes", "y", "true", "1", "on"}
_FALSE = {"no", "n", "false", "0", "off"}
_KNOWN = "known"
_ROW = re.compile(r"where-(\d{1,3})-")


class ConditionForm(forms.Form):
    """One condition; a row without an attribute is none."""

    attribute = forms.ChoiceField(label=_("Attribute"), required=False)
    operator = forms.ChoiceField(label=_("Comparison"), choices=[*OPERATORS, (_KNOWN, _("is known"))], required=False)
    value = forms.CharField(label=_("Value"), required=False, max_length=10_000)

    def __init__(self, *args: Any, attributes: Sequence[AttributeOption], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._columns = {column.key: column for column in attributes}
        nobody = [("", _("– everybody –"))]
        self.fields["attribute"].choices = nobody + [  # type: ignore[attr-defined]
            (column.key, label_of(column.label)) for column in attributes
        ]

    def condition(self) -> Condition | None:
        """What is asked, for whoever checks it; None for an empty row."""
        cleaned = self.cleaned_data
        if not cleaned.get("attribute"):
            return None
        operator, typed = cleaned.get("operator") or Operator.EQ.value, cleaned.get("value", "").strip()
        column = self._columns[cleaned["attribute"]]
        if operator in (Operator.IS_MISSING.value, _KNOWN):
            return Condition(column.key, Operator.IS_MISSING, operator != _KNOWN)
        if operator == Operator.IN.value:
            values = tuple(_typed(column, one.strip()) for one in typed.split(",") if one.strip())
            return Condition(column.key, Operator.IN, values)
        return Condition(
            column.key, Operator(operator), typed if operator == Operator.CONTAINS.value else _typed(column, typed)
        )

    @staticmethod
    def initial_of(condition: Condition) -> dict[str, str]:
        """What the row shows of a condition."""
        value, operator = condition.value, condition.operator.value
        if condition.operator is Operator.IS_MISSING:
            return {
                "attribute": condition.attribute,
                "operator": operator if value else _KNOWN,
                "value": "",
            }
        shown = ", ".join(map(_shown, value)) if isinstance(value, tuple) else _shown(value)
        return {"attribute": condition.attribute, "operator": operator, "value": shown}


class ConditionRows:
    """The conditions that a segmentation has, and some empty rows for more."""

    def __init__(
        self, data: Mapping[str, Any] | None, *, before: Sequence[Condition], attributes: Sequence[AttributeOption]
    ) -> None:
        initial = [ConditionForm.initial_of(one) for one in before]
        count = len(initial) + BLANK_ROWS
        if data is not None:
            asked = [
                int(key.split("-")[1]) for key in data if key.startswith("where-") and key.split("-")[1].isdecimal()
            ]
            count = min(max([count, *(place + 1 for place in asked)]), 30)
        self.rows = [
            ConditionForm(
                data,
                prefix=f"where-{place}",
                initial=initial[place] if place < len(initial) else {},
                attributes=attributes,
            )
            for place in range(count)
        ]
        self.rows_filled = len(initial)
        self.problems = False
        self._asked: list[ConditionForm] = []

    def read(self) -> tuple[Condition, ...]:
        """The conditions of all rows that have one; what a value is worth is not checked here."""
        self._asked = [row for row in self.rows if row.is_valid() and row.condition() is not None]
        return tuple(condition for row in self._asked if (condition := row.condition()))

    def put_problem(self, problem: Problem) -> bool:
        """Show a problem at the row that it is about; False when it is about none."""
        parts = problem.pointer.strip("/").split("/")
        if parts[0] != "filter" or len(parts) < 2 or not parts[1].isdecimal() or int(parts[1]) >= len(self._asked):
            return False
        row = self._asked[int(parts[1])]
        field = parts[2] if len(parts) > 2 and parts[2] in row.fields else "value"
        row.add_error(field, said(problem.detail))
        self.problems = True
        return True


def _typed(column: AttributeOption, text: str) -> Single:
    """The text as a value of the attribute's kind, or as it is where it is none: whoever checks it says so."""
    if column.kind == "number":
        try:
            return float(text.replace(",", "")) if text else text
        except ValueError:
            return text
    if column.kind == "boolean":
        word = text.casefold()
        return True if word in _TRUE else False if word in _FALSE else text
    if column.kind == "category":
        return next((one for one in column.categories if one.casefold() == text.casefold()), text)
    return text


def _shown(value: Single) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
