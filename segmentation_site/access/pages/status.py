"""Whether the site is well, at one glance."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from segmentation_site.access.roles import Deed, requires
from segmentation_site.jobs import wellbeing


@requires(Deed.ADMINISTER)
@never_cache
@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """Servers, queue, workers, scheduler, disk, recent failures and versions."""
    return render(request, "status/status.html", {"wellbeing": wellbeing.look()})


urlpatterns = [path("status", status, name="status")]
