"""Sessions end: idle ones by Django's own age, all of them after an absolute time."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

STARTED = "started_at"
RENEWED = "renewed_at"
# An idle session may end so many seconds too early: writing it at each page would cost two milliseconds of each.
RENEW_AFTER_SECONDS = 60


@receiver(user_logged_in)
def _begin(request: HttpRequest, **kwargs: Any) -> None:
    request.session[STARTED] = time.time()


class AbsoluteSessionLimitMiddleware:
    """Signs out whoever signed in more than SESSION_ABSOLUTE_AGE seconds ago, however busy they are; renews the
    session of who is busy."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            now = time.time()
            started = request.session.setdefault(STARTED, now)
            if now - started > settings.SESSION_ABSOLUTE_AGE:
                logout(request)
            elif now - request.session.get(RENEWED, 0.0) > RENEW_AFTER_SECONDS:
                request.session[RENEWED] = now
        return self.get_response(request)
