"""The front page: who the customers are, which segments are in use, and what was done last."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from customers.overview import everybody
from customers.reporting import recent_imports
from segmentation_site.access.models import ApiKey
from segmentation_site.access.roles import Deed, may, requires
from segmentation_site.webhooks.models import given_up
from segments.browsing.overview import bar_chart, in_use, recent_runs

RECENT_JOBS = 6


@dataclass(frozen=True, slots=True)
class RecentJob:
    """One line of recent work, an import or a run."""

    icon: str
    name: str
    what: str
    href: str
    state: str
    label: str
    result: str
    at: datetime


@requires(Deed.SEE_SEGMENTS)
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """All at a glance; before there is anything, the three steps that lead to it."""
    customers = everybody()
    segmentations = in_use()
    runs, imports = _recent_runs(), _recent_imports() if may(request.user, Deed.IMPORT) else []
    return render(
        request,
        "overview/overview.html",
        {
            "customers": customers,
            "distributions": [(one, bar_chart(one)) for one in customers.distributions],
            "segmentations": segmentations,
            "latest": segmentations[0] if segmentations else None,
            "segment_count": sum(len(one.shares) for one in segmentations),
            "jobs": sorted([*runs, *imports], key=lambda job: job.at, reverse=True)[:RECENT_JOBS],
            "last_run": runs[0] if runs else None,
            "last_import": imports[0] if imports else None,
            "has_key": may(request.user, Deed.ADMINISTER) and ApiKey.objects.usable().exists(),
            "given_up": given_up() if may(request.user, Deed.ADMINISTER) else [],
        },
    )


def _recent_runs() -> list[RecentJob]:
    return [
        RecentJob(
            icon="category",
            name=run.segmentation.name,
            what=_("Run"),
            href=reverse("run", args=[run.public_id]),
            state=run.state.value,
            label=str(run.state.label),
            result=_("{k} segments").format(k=run.k) if run.k else "",
            at=run.created_at,
        )
        for run in recent_runs(RECENT_JOBS)
    ]


def _recent_imports() -> list[RecentJob]:
    return [
        RecentJob(
            icon="upload_file",
            name=one.file_name,
            what=_("Import"),
            href=reverse("import", args=[one.public_id]),
            state=one.status,
            label=str(one.get_status_display()),
            result=""
            if one.rows is None
            else ngettext("{rows} row", "{rows} rows", one.rows).format(rows=number_format(one.rows)),
            at=one.created_at,
        )
        for one in recent_imports(RECENT_JOBS)
    ]


urlpatterns = [path("", overview, name="overview")]
