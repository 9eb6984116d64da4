"""Cells of tables. Made here because a page has hundreds of them: in templates' loops they took a tenth of its time."""

from collections.abc import Iterable
from html import escape

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from segmentation_site.language.saying import said, spelled
from segments.browsing.moves import Flow
from segments.browsing.runs import Cell
from segments.browsing.segments import Member

register = template.Library()


@register.filter
def heat_cells(cells: Iterable[Cell]) -> SafeString:
    """A segment's means as `<td>`s, each in its unit and as a z-score."""
    return mark_safe("".join(map(_heat_cell, cells)))  # noqa: S308 - every text in it is escaped


@register.filter
def flow_cells(flows: Iterable[Flow]) -> SafeString:
    """Where a segment's customers are after, as `<td>`s."""
    return mark_safe("".join(map(_flow_cell, flows)))  # noqa: S308 - every text in it is escaped


@register.filter
def member_rows(members: Iterable[Member]) -> SafeString:
    """Members as `<tr>`s: who, the run's features, and how firmly they belong there."""
    fit = escape(_("Fit"))
    return mark_safe("".join(_member_row(member, fit) for member in members))  # noqa: S308 - every text is escaped


def _member_row(member: Member, fit: str) -> str:
    figures = "".join(
        f'<td class="number" data-label="{escape(label)}">{escape(text)}</td>' for label, text in member.figures
    )
    known = f'<span class="muted">{escape(member.external_id)}</span>' if member.name else ""
    return (
        f'<tr><th scope="row"><span class="named"><a href="{reverse("customer", args=[member.pk])}">'
        f"{escape(member.name or member.external_id)}</a>{known}</span></th>{figures}"
        f'<td data-label="{fit}"><span class="badge badge-fit-{member.fit}"><span class="badge-dot" aria-hidden="true">'
        f"</span>{escape(capfirst(said(member.fit)))}</span></td></tr>"
    )


def _heat_cell(cell: Cell) -> str:
    value = escape(cell.value)
    return (
        f'<td class="heat-{cell.direction}" style="--strength: {cell.strength}">'
        f'<span class="as-units">{value}<small>{escape(cell.against)}</small></span>'
        f'<span class="as-z">{escape(cell.z)}<small>{value}</small></span></td>'
    )


def _flow_cell(flow: Flow) -> str:
    told = '<span class="muted">–</span>'
    if flow.count:
        told = f"{escape(spelled(f'{flow.count:,}'))}<small>{escape(flow.share_words)}</small>"
    return f'<td class="heat-{"below" if flow.stays else "above"}" style="--strength: {flow.tint}">{told}</td>'
