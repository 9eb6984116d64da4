"""Who takes part in a segmentation, in words."""

from django.utils.translation import gettext as _

from customers.attributes import columns
from segmentation_site.language.saying import label as label_of
from segmentation_site.language.saying import spelled
from segments.kmeans.checking import Single
from segments.kmeans.definition import Condition, Definition, Operator


def in_words(definition: Definition) -> str:
    """All conditions in one line; "Everybody" without any."""
    if not definition.filter:
        return _("Everybody")
    labels = {column.key: label_of(column.label) for column in columns()}
    return "; ".join(_one(one, labels.get(one.attribute, one.attribute)) for one in definition.filter)


def _one(condition: Condition, label: str) -> str:
    if condition.operator is Operator.IS_MISSING:
        text = _("{label} is not known") if condition.value else _("{label} is known")
        return text.format(label=label)
    texts = {
        Operator.EQ: _("{label} is {value}"),
        Operator.NE: _("{label} is not {value}"),
        Operator.LT: _("{label} is below {value}"),
        Operator.LE: _("{label} is at most {value}"),
        Operator.GT: _("{label} is above {value}"),
        Operator.GE: _("{label} is at least {value}"),
        Operator.IN: _("{label} is one of {value}"),
        Operator.CONTAINS: _("{label} contains {value}"),
    }
    value = condition.value
    shown = ", ".join(map(_shown, value)) if isinstance(value, tuple) else _shown(value)
    return texts[condition.operator].format(label=label, value=shown)


def _shown(value: Single) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return spelled(f"{value:g}") if isinstance(value, float) else str(value)
