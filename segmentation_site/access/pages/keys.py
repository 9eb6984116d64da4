"""API keys: the list, a new one, revoking one."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from segmentation_site.access import keys
from segmentation_site.access.forms import ApiKeyForm
from segmentation_site.access.models import ApiKey
from segmentation_site.access.roles import Deed, requires
from segmentation_site.http.limits import calls_of_last_day
from segmentation_site.http.lists import asked, newest_first
from segmentation_site.jobs.problems import Problem
from segmentation_site.language.saying import said


@requires(Deed.ADMINISTER)
@require_safe
def api_keys(request: HttpRequest) -> HttpResponse:
    """The keys that can be used, or all of them, searched by name or prefix."""
    search = asked(request, "search")
    shows_all = request.GET.get("all") == "yes"
    found = ApiKey.objects.all() if shows_all else ApiKey.objects.usable()
    if search:
        prefix = search.removeprefix("seg_").split("_")[0]
        found = found.filter(Q(name__icontains=search) | Q(prefix__startswith=prefix))
    page = newest_first(request, found)
    calls = calls_of_last_day([key.public_id for key in page.rows])
    for key in page.rows:
        key.calls = calls.get(key.public_id)
    return render(
        request,
        "api_keys/api_keys.html",
        {"page": page, "search": search, "shows_all": shows_all, "is_filtered": bool(search or shows_all)},
    )


@requires(Deed.ADMINISTER)
@never_cache
@require_http_methods(["GET", "POST"])
def api_key_new(request: HttpRequest) -> HttpResponse:
    """Make a key; the answer to the POST is the only page that ever shows its secret."""
    form = ApiKeyForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "api_keys/new.html", {"form": form}, status=422 if form.errors else 200)
    key, secret = keys.create_key(
        form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        by=request.user,
        expires_at=form.expires_at,
    )
    return _made(request, key, secret)


def _made(request: HttpRequest, key: ApiKey, secret: str, *, old: ApiKey | None = None) -> HttpResponse:
    address = request.build_absolute_uri("/api/v1/me")
    # Calls on other pages know the key by this variable: they can be copied as they are.
    curl = f'export API_KEY="{secret}"\ncurl -H "Authorization: Bearer $API_KEY" {address}'
    return render(request, "api_keys/made.html", {"key": key, "secret": secret, "curl": curl, "old": old})


@requires(Deed.ADMINISTER)
@never_cache
@require_POST
def api_key_rotate(request: HttpRequest, public_id: str) -> HttpResponse:
    """Make a key in place of another one, which goes on for a day; no other page ever shows its secret."""
    old = get_object_or_404(ApiKey, public_id=public_id)
    try:
        key, secret = keys.rotate(old, by=cast(User, request.user))
    except Problem as problem:
        messages.error(request, said(problem.detail))
        return redirect("api_keys")
    return _made(request, key, secret, old=old)


@requires(Deed.ADMINISTER)
@require_POST
def api_key_revoke(request: HttpRequest, public_id: str) -> HttpResponse:
    """End a key at once."""
    key = get_object_or_404(ApiKey, public_id=public_id)
    keys.revoke(key)
    messages.success(request, _("“{name}” is revoked. Requests with it are refused from now on.").format(name=key.name))
    return redirect("api_keys")


urlpatterns = [
    path("api-keys/", api_keys, name="api_keys"),
    path("api-keys/new", api_key_new, name="api_key_new"),
    path("api-keys/<str:public_id>/rotate", api_key_rotate, name="api_key_rotate"),
    path("api-keys/<str:public_id>/revoke", api_key_revoke, name="api_key_revoke"),
]
