"""People: who may sign in and as what; inviting somebody with a link that works once."""

from typing import cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from segmentation_site.access import people as room
from segmentation_site.access import second_factor
from segmentation_site.access.roles import Deed, Role, requires
from segmentation_site.http.lists import newest_first
from segmentation_site.jobs.problems import Problem
from segmentation_site.language.saying import said
from segmentation_site.mailing import mail

ROLES = [
    (Role.VIEWER.value, gettext_lazy("Viewer: segments and figures, nobody's data")),
    (Role.ANALYST.value, gettext_lazy("Analyst: customers, imports, runs")),
    (Role.MANAGER.value, gettext_lazy("Manager: publishes and exports, too")),
    (Role.ADMIN.value, gettext_lazy("Admin: keys, webhooks, people, erasure")),
]


class InvitationForm(forms.Form):
    """Who is invited, and as what."""

    username = forms.CharField(
        label=gettext_lazy("Username"),
        max_length=150,
        validators=[UnicodeUsernameValidator()],
        help_text=gettext_lazy("What they sign in with. Letters, digits and @/./+/-/_ only."),
    )
    email = forms.EmailField(label=gettext_lazy("E-mail"), required=False)
    role = forms.ChoiceField(
        label=gettext_lazy("Role"), choices=ROLES, initial=Role.VIEWER.value, widget=forms.RadioSelect
    )


@requires(Deed.ADMINISTER)
@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Everybody who may sign in, or once could."""
    page = newest_first(request, User.objects.prefetch_related("groups", "totpdevice_set"))
    for user in page.rows:
        user.role = room.role_of(user)  # type: ignore[attr-defined]
        user.has_second_factor = any(device.confirmed for device in user.totpdevice_set.all())  # type: ignore[attr-defined]
    # In a line of the list there is room for their names alone; what they mean is told when somebody is invited.
    roles = [(value, str(label).partition(":")[0]) for value, label in ROLES]
    return render(request, "people/people.html", {"page": page, "roles": roles})


@requires(Deed.ADMINISTER)
@never_cache
@require_http_methods(["GET", "POST"])
def person_new(request: HttpRequest) -> HttpResponse:
    """Invite somebody; the answer shows their link."""
    form = InvitationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            user = room.invite(
                given["username"], email=given["email"], role=Role(given["role"]), by=cast(User, request.user)
            )
        except room.NameTaken as problem:
            form.add_error("username", said(problem.detail))
        else:
            return _show_link(request, user)
    return render(request, "people/new.html", {"form": form}, status=422 if form.errors else 200)


@requires(Deed.ADMINISTER)
@never_cache
@require_POST
def person_link(request: HttpRequest, pk: int) -> HttpResponse:
    """Another link, for somebody who lost theirs or forgot the password."""
    return _show_link(request, get_object_or_404(User, pk=pk, is_active=True))


def _show_link(request: HttpRequest, user: User) -> HttpResponse:
    address = request.build_absolute_uri(room.link_for(user))
    subject = _("A link to set your password")
    is_mailed = mail(user.email, subject, "\n\n".join([address, _("It works once, and for three days.")]))
    return render(request, "people/link.html", {"person": user, "address": address, "is_mailed": is_mailed})


@requires(Deed.ADMINISTER)
@require_POST
def person_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Another role, or no sign-in any more."""
    user = get_object_or_404(User, pk=pk)
    given = request.POST.get("role", "")
    if given not in set(Role):
        messages.error(request, _("Choose one of the roles."))
        return redirect("people")
    try:
        room.change(
            user, role=Role(given), is_active=request.POST.get("is_active") == "yes", by=cast(User, request.user)
        )
    except Problem as problem:
        messages.error(request, said(problem.detail))
    else:
        messages.success(request, _("“{name}” is changed.").format(name=user.username))
        if request.POST.get("is_active") != "yes":
            _tell_of_keys(request, user.username, room.usable_keys_of(user))
    return redirect("people")


def _tell_of_keys(request: HttpRequest, name: str, keys: int) -> None:
    """Whoever goes may know the secrets of keys that they made, which go on without them."""
    if keys:
        told = ngettext(
            "{keys} API key that “{name}” made still lets programs in. Revoke it under “API keys” where not wanted.",
            "{keys} API keys that “{name}” made still let programs in. Revoke them under “API keys” where not wanted.",
            keys,
        )
        messages.warning(request, told.format(name=name, keys=keys))


@requires(Deed.ADMINISTER)
@require_POST
def person_second_factor(request: HttpRequest, pk: int) -> HttpResponse:
    """For somebody who lost their phone and their recovery codes."""
    user = get_object_or_404(User, pk=pk)
    second_factor.remove(user, by=cast(User, request.user))
    messages.success(request, _("“{name}” signs in with the password alone again.").format(name=user.username))
    return redirect("people")


@requires(Deed.ADMINISTER)
@require_POST
def person_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody who does not come in any more is forgotten; the audit trail keeps what they did."""
    user = get_object_or_404(User, pk=pk)
    keys = room.usable_keys_of(user)
    try:
        room.delete(user, by=cast(User, request.user))
    except Problem as problem:
        messages.error(request, said(problem.detail))
    else:
        messages.success(request, _("“{name}” is deleted.").format(name=user.username))
        _tell_of_keys(request, user.username, keys)
    return redirect("people")


urlpatterns = [
    path("people/", people, name="people"),
    path("people/new", person_new, name="person_new"),
    path("people/<int:pk>", person_change, name="person_change"),
    path("people/<int:pk>/delete", person_delete, name="person_delete"),
    path("people/<int:pk>/link", person_link, name="person_link"),
    path("people/<int:pk>/second-factor", person_second_factor, name="person_second_factor"),
]
