"""Signing in, with a second factor where there is one, and out; one's password; the link of an invitation."""

import time
from typing import Any, cast
from urllib.parse import urlencode

import segno
from axes.handlers.proxy import AxesProxyHandler
from axes.helpers import get_lockout_response
from django.contrib import messages
from django.contrib.auth import authenticate, login, views
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, SetPasswordForm, UsernameField
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.contrib.auth.views import INTERNAL_RESET_SESSION_TOKEN
from django.db import transaction
from django.forms import TextInput
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse, reverse_lazy
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from segmentation_site.access import audit, people
from segmentation_site.access import second_factor as room
from segmentation_site.access.audit import Action
from segmentation_site.access.roles import Deed, requires

# Between the password and the code; after that the password is asked for again.
HALF_SIGNED_IN_SECONDS = 300
HALF_SIGNED_IN = "half_signed_in"


class SignInForm(AuthenticationForm):
    """Refuses a name that nobody can have before anything is asked for it, and noted of it where it would not fit."""

    username = UsernameField(max_length=150, widget=TextInput(attrs={"autofocus": True}))


class SignInView(views.LoginView):
    """The password; whoever has a second factor is not signed in by it alone."""

    form_class = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        if room.is_on(user):
            half = {"user": user.pk, "at": time.time(), "backend": getattr(user, "backend", "")}
            # A password that is changed meanwhile was not given.
            half["password"] = user.get_session_auth_hash()
            self.request.session[HALF_SIGNED_IN] = half | {"next": self.get_success_url()}
            return redirect("second_factor_code")
        return super().form_valid(form)


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def second_factor_code(request: HttpRequest) -> HttpResponse:
    """The code, for whoever gave the right password a moment ago."""
    half: dict[str, Any] = request.session.get(HALF_SIGNED_IN) or {}
    user = _half_signed_in(half)
    if user is None:
        request.session.pop(HALF_SIGNED_IN, None)
        messages.info(request, _("Please sign in again."))
        return redirect("login")
    if request.method == "GET":
        return render(request, "registration/second_factor_code.html")
    if locked := _locked(request, user):
        return locked
    code = request.POST.get("code", "").replace(" ", "")[:32].replace("\x00", "")
    if not code or not room.is_right_code(user, code):
        _count_failure(request, user)
        wrong = _("This code is not right, or was used already. Wait for the next one, then try again.")
        return render(request, "registration/second_factor_code.html", {"wrong": wrong}, status=422)
    del request.session[HALF_SIGNED_IN]
    login(request, user, backend=half["backend"])
    return redirect(half["next"])


def _locked(request: HttpRequest, user: User) -> HttpResponse | None:
    """What is answered to somebody who has guessed too often: not even whether the next guess was right."""
    credentials = {"username": user.get_username()}
    if AxesProxyHandler.is_allowed(request, credentials):
        return None
    return cast(HttpResponse, get_lockout_response(request, credentials=credentials))


def _count_failure(request: HttpRequest, user: User) -> None:
    user_login_failed.send(sender=__name__, credentials={"username": user.get_username()}, request=request)


def _half_signed_in(half: dict[str, Any]) -> User | None:
    """Who gave the right password in this session, not long ago, and may still come in with it."""
    if not half or time.time() - half["at"] > HALF_SIGNED_IN_SECONDS:
        return None
    user = User.objects.filter(pk=half["user"], is_active=True).first()
    is_same = user is not None and constant_time_compare(user.get_session_auth_hash(), half.get("password", ""))
    return user if is_same else None


@require_safe
def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """The admin has no sign-in of its own, which would know nothing of second factors."""
    query = urlencode({"next": request.GET.get("next", reverse("admin:index"))})
    return redirect(f"{reverse('login')}?{query}")


@requires(Deed.ADMINISTER)
@require_safe
def admin_password_change(request: HttpRequest) -> HttpResponse:
    """Nor has it a way of its own to change one's password, which would count and record nothing."""
    return redirect("password_change")


class PasswordChangeView(views.PasswordChangeView):
    """Everybody's own password; all other sessions of theirs end. Wrong old ones are counted as at the sign-in."""

    success_url = reverse_lazy("overview")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return _locked(request, cast(User, request.user)) or super().post(request, *args, **kwargs)

    def form_invalid(self, form: PasswordChangeForm) -> HttpResponse:
        if "old_password" in form.errors:
            _count_failure(self.request, form.user)
        return super().form_invalid(form)

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        with transaction.atomic():
            form.user = people.hold(form.user)
            response = super().form_valid(form)
            audit.record(Action.PASSWORD_CHANGED, form.user.get_username())
        messages.success(self.request, _("Your password is changed. Your other sessions have ended."))
        return response


class InvitationView(views.PasswordResetConfirmView):
    """Where somebody who was invited sets a password: once, by the link that an admin gave them."""

    template_name = "registration/invitation.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: SetPasswordForm) -> HttpResponse:
        """Of two who send it at the same moment one sets the password; for the other the link was used already."""
        with transaction.atomic():
            form.user = people.hold(form.user)
            if not self.token_generator.check_token(form.user, self.request.session[INTERNAL_RESET_SESSION_TOKEN]):
                return self.render_to_response({"validlink": False})
            response = super().form_valid(form)
            audit.record(Action.PASSWORD_CHANGED, form.user.get_username(), by=form.user)
        messages.success(self.request, _("Your password is set. Sign in with it."))
        return response

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        """A link that was used or is too old is gone."""
        return super().render_to_response(context, **({} if context["validlink"] else {"status": 410}), **kwargs)


@requires(Deed.SEE_SEGMENTS)
@never_cache
@require_http_methods(["GET", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """One's own second factor: add it with an authenticator app, or remove it."""
    user = cast(User, request.user)
    if room.is_on(user):
        return _with_second_factor(request, user)
    wrong = ""
    if request.method == "POST":
        codes = room.confirm(user, request.POST.get("code", "").replace(" ", "")[:10])
        if codes is not None:
            return render(request, "second_factor/added.html", {"codes": codes})
        wrong = _("This code is not right. Wait for the next one, then try again.")
    device = room.begin(user)
    picture = segno.make(device.config_url, micro=False).svg_data_uri(scale=5, border=2, light="white")
    context = {"picture": picture, "address": device.config_url, "wrong": wrong}
    return render(request, "second_factor/add.html", context, status=422 if wrong else 200)


def _with_second_factor(request: HttpRequest, user: User) -> HttpResponse:
    wrong = ""
    if request.method == "POST":
        # As at the sign-in: wrong ones are counted, and too many lock.
        if authenticate(request, username=user.get_username(), password=request.POST.get("password", "")) == user:
            room.remove(user, by=user)
            messages.success(request, _("Your second factor is removed. Your password is enough again."))
            return redirect("second_factor")
        wrong = _("This is not your password.")
    return render(request, "second_factor/remove.html", {"wrong": wrong}, status=422 if wrong else 200)


urlpatterns = [
    path("accounts/login/", SignInView.as_view(), name="login"),
    path("accounts/login/code", second_factor_code, name="second_factor_code"),
    path("admin/login/", admin_sign_in, name="admin_sign_in"),
    path("admin/password_change/", admin_password_change, name="admin_password_change"),
    path("admin/password_change/done/", admin_password_change, name="admin_password_changed"),
    path("accounts/logout/", views.LogoutView.as_view(), name="logout"),
    path("accounts/invitation/<str:uidb64>/<str:token>", InvitationView.as_view(), name="invitation"),
    path("accounts/password/", requires(Deed.SEE_SEGMENTS)(PasswordChangeView.as_view()), name="password_change"),
    path("accounts/second-factor", second_factor, name="second_factor"),
]
