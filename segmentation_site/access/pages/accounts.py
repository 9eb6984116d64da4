"""Signing in and out, and changing one's password."""

from django.contrib import messages
from django.contrib.auth import views
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpResponse
from django.urls import path, reverse_lazy
from django.utils.translation import gettext as _

from segmentation_site.access.roles import Deed, requires


class PasswordChangeView(views.PasswordChangeView):
    """Everybody's own password; all other sessions of theirs end."""

    success_url = reverse_lazy("overview")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        response = super().form_valid(form)
        messages.success(self.request, _("Your password is changed. Your other sessions have ended."))
        return response


urlpatterns = [
    path("accounts/login/", views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", views.LogoutView.as_view(), name="logout"),
    path("accounts/password/", requires(Deed.SEE_SEGMENTS)(PasswordChangeView.as_view()), name="password_change"),
]
