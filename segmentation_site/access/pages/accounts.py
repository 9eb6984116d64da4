"""Signing in, with a second factor where there is one, and out; one's password; the link of an invitation."""

import time
from typing import Any, cast
from urllib.parse import urlencode

import segno
from django.contrib import messages
from django.contrib.auth import login, views
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from segmentation_site.access import audit, people
from segmentation_site.access.audit import Action
from segmentation_site.access.roles import Deed, requires

# Between the password and the code; after that the password is asked for again.
HALF_SIGNED_IN_SECONDS = 300
HALF_SIGNED_IN = "half_signed_in"


class SignInView(views.LoginView):
    """The password; whoever has a second factor is not signed in by it alone."""

    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        if people.has_second_factor(user):
            half = {"user": user.pk, "at": time.time(), "backend": getattr(user, "backend", "")}
            self.request.session[HALF_SIGNED_IN] = half | {"next": self.get_success_url()}
            return redirect("second_factor_code")
        return super().form_valid(form)


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def second_factor_code(request: HttpRequest) -> HttpResponse:
    """The code, for whoever gave the right password a moment ago."""
    half: dict[str, Any] = request.session.get(HALF_SIGNED_IN) or {}
    user = User.objects.filter(pk=half.get("user", 0), is_active=True).first()
    if user is None or time.time() - half["at"] > HALF_SIGNED_IN_SECONDS:
        request.session.pop(HALF_SIGNED_IN, None)
        messages.info(request, _("Please sign in again."))
        return redirect("login")
    if request.method == "GET":
        return render(request, "registration/second_factor_code.html")
    code = request.POST.get("code", "").replace(" ", "")[:32].replace("\x00", "")
    if not code or not people.is_right_code(user, code):
        user_login_failed.send(sender=__name__, credentials={"username": user.username}, request=request)
        wrong = _("This code is not right, or was used already. Wait for the next one, then try again.")
        return render(request, "registration/second_factor_code.html", {"wrong": wrong}, status=422)
    del request.session[HALF_SIGNED_IN]
    login(request, user, backend=half["backend"])
    return redirect(half["next"])


@require_safe
def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """The admin has no sign-in of its own, which would know nothing of second factors."""
    query = urlencode({"next": request.GET.get("next", reverse("admin:index"))})
    return redirect(f"{reverse('login')}?{query}")


class PasswordChangeView(views.PasswordChangeView):
    """Everybody's own password; all other sessions of theirs end."""

    success_url = reverse_lazy("overview")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        response = super().form_valid(form)
        audit.record(Action.PASSWORD_CHANGED, form.user.get_username())
        messages.success(self.request, _("Your password is changed. Your other sessions have ended."))
        return response


class InvitationView(views.PasswordResetConfirmView):
    """Where somebody who was invited sets a password: once, by the link that an admin gave them."""

    template_name = "registration/invitation.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: SetPasswordForm) -> HttpResponse:
        response = super().form_valid(form)
        audit.record(Action.PASSWORD_CHANGED, form.user.get_username(), by=form.user)
        messages.success(self.request, _("Your password is set. Sign in with it."))
        return response


@requires(Deed.SEE_SEGMENTS)
@never_cache
@require_http_methods(["GET", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """One's own second factor: add it with an authenticator app, or remove it."""
    user = cast(User, request.user)
    if people.has_second_factor(user):
        return _with_second_factor(request, user)
    wrong = ""
    if request.method == "POST":
        codes = people.confirm_second_factor(user, request.POST.get("code", "").replace(" ", "")[:10])
        if codes is not None:
            return render(request, "second_factor/added.html", {"codes": codes})
        wrong = _("This code is not right. Wait for the next one, then try again.")
    device = people.begin_second_factor(user)
    picture = segno.make(device.config_url, micro=False).svg_data_uri(scale=5, border=2, light="white")
    context = {"picture": picture, "address": device.config_url, "wrong": wrong}
    return render(request, "second_factor/add.html", context, status=422 if wrong else 200)


def _with_second_factor(request: HttpRequest, user: User) -> HttpResponse:
    wrong = ""
    if request.method == "POST":
        if user.check_password(request.POST.get("password", "")):
            people.remove_second_factor(user, by=user)
            messages.success(request, _("Your second factor is removed. Your password is enough again."))
            return redirect("second_factor")
        wrong = _("This is not your password.")
    return render(request, "second_factor/remove.html", {"wrong": wrong}, status=422 if wrong else 200)


urlpatterns = [
    path("accounts/login/", SignInView.as_view(), name="login"),
    path("accounts/login/code", second_factor_code, name="second_factor_code"),
    path("admin/login/", admin_sign_in, name="admin_sign_in"),
    path("accounts/logout/", views.LogoutView.as_view(), name="logout"),
    path("accounts/invitation/<str:uidb64>/<str:token>", InvitationView.as_view(), name="invitation"),
    path("accounts/password/", requires(Deed.SEE_SEGMENTS)(PasswordChangeView.as_view()), name="password_change"),
    path("accounts/second-factor", second_factor, name="second_factor"),
]
