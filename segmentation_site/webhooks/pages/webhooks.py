"""Webhooks: the list, a new one, one with its deliveries, and what can be done with them."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from segmentation_site.access.roles import Deed, requires
from segmentation_site.http.lists import asked, newest_first
from segmentation_site.jobs.problems import Problem
from segmentation_site.language.saying import said
from segmentation_site.webhooks import registering
from segmentation_site.webhooks.forms import WebhookForm
from segmentation_site.webhooks.models import Delivery, DeliveryStatus, Webhook
from segmentation_site.webhooks.sending import MOST_TRIES


@requires(Deed.ADMINISTER)
@require_safe
def webhooks(request: HttpRequest) -> HttpResponse:
    """All webhooks, with the last thing that each was told."""
    page = newest_first(request, Webhook.objects.all())
    last = Delivery.objects.filter(webhook__in=page.rows).order_by("webhook_id", "-pk").distinct("webhook_id")
    by_webhook = {delivery.webhook_id: delivery for delivery in last}
    rows = [(webhook, by_webhook.get(webhook.pk)) for webhook in page.rows]
    return render(request, "webhooks/webhooks.html", {"page": page, "rows": rows})


@requires(Deed.ADMINISTER)
@never_cache
@require_http_methods(["GET", "POST"])
def webhook_new(request: HttpRequest) -> HttpResponse:
    """Make one; the answer to the POST is the only page that shows its secret."""
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            webhook, secret = registering.create(**form.cleaned_data, by=_person(request))
        except Problem as problem:
            _tell(form, problem)
        else:
            return _show_secret(request, webhook, secret)
    return render(request, "webhooks/new.html", {"form": form}, status=422 if form.errors else 200)


@requires(Deed.ADMINISTER)
@require_safe
def webhook(request: HttpRequest, public_id: str) -> HttpResponse:
    """One, and what it was told."""
    one = get_object_or_404(Webhook, public_id=public_id)
    status = asked(request, "status")
    found = Delivery.objects.filter(webhook=one)
    if status in DeliveryStatus.values:
        found = found.filter(status=status)
    page = newest_first(request, found)
    return render(
        request,
        "webhooks/webhook.html",
        {
            "webhook": one,
            "page": page,
            "status": status,
            "statuses": DeliveryStatus.choices,
            "is_filtered": bool(status),
            "most_tries": MOST_TRIES,
        },
    )


@requires(Deed.ADMINISTER)
@require_http_methods(["GET", "POST"])
def webhook_edit(request: HttpRequest, public_id: str) -> HttpResponse:
    """Another name or address, other events."""
    one = get_object_or_404(Webhook, public_id=public_id)
    initial = {"name": one.name, "url": one.url, "events": one.events}
    form = WebhookForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            registering.change(one, by=_person(request), **form.cleaned_data)
        except Problem as problem:
            _tell(form, problem)
        else:
            messages.success(request, _("“{name}” is changed.").format(name=form.cleaned_data["name"]))
            return redirect("webhook", public_id)
    return render(request, "webhooks/edit.html", {"form": form, "webhook": one}, status=422 if form.errors else 200)


@requires(Deed.ADMINISTER)
@require_POST
def webhook_enable(request: HttpRequest, public_id: str) -> HttpResponse:
    """On or off, as the form says."""
    one = get_object_or_404(Webhook, public_id=public_id)
    is_enabled = request.POST.get("is_enabled") == "yes"
    registering.change(one, by=_person(request), is_enabled=is_enabled)
    said = _("“{name}” is told again, of what waited too.") if is_enabled else _("“{name}” is told nothing any more.")
    messages.success(request, said.format(name=one.name))
    return redirect("webhook", public_id)


@requires(Deed.ADMINISTER)
@never_cache
@require_POST
def webhook_rotate(request: HttpRequest, public_id: str) -> HttpResponse:
    """Another secret; the answer is the only page that shows it."""
    one = get_object_or_404(Webhook, public_id=public_id)
    return _show_secret(request, *registering.rotate(one, by=_person(request)))


@requires(Deed.ADMINISTER)
@require_POST
def webhook_test(request: HttpRequest, public_id: str) -> HttpResponse:
    """Send an event that means nothing."""
    registering.test(get_object_or_404(Webhook, public_id=public_id), by=_person(request))
    messages.success(request, _("A test is on its way. Look below in a moment what came of it."))
    return redirect("webhook", public_id)


@requires(Deed.ADMINISTER)
@require_POST
def webhook_delete(request: HttpRequest, public_id: str) -> HttpResponse:
    """Delete it with its deliveries."""
    one = get_object_or_404(Webhook, public_id=public_id)
    registering.delete(one, by=_person(request))
    messages.success(request, _("“{name}” is deleted.").format(name=one.name))
    return redirect("webhooks")


@requires(Deed.ADMINISTER)
@require_POST
def delivery_replay(request: HttpRequest, public_id: str, delivery_id: str) -> HttpResponse:
    """Send the same event again."""
    deliveries = Delivery.objects.select_related("webhook")
    delivery = get_object_or_404(deliveries, webhook__public_id=public_id, public_id=delivery_id)
    try:
        registering.replay(delivery, by=_person(request))
    except Problem as problem:
        messages.error(request, said(problem.detail))
    else:
        messages.success(request, _("It is on its way again. Look below in a moment what came of it."))
    return redirect("webhook", public_id)


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


def _tell(form: WebhookForm, problem: Problem) -> None:
    """What is wrong, beside the field where it is."""
    name = problem.pointer.removeprefix("/")
    form.add_error(name if name in form.fields else None, said(problem.detail))


def _show_secret(request: HttpRequest, one: Webhook, secret: str) -> HttpResponse:
    return render(request, "webhooks/secret.html", {"webhook": one, "secret": secret})


urlpatterns = [
    path("webhooks/", webhooks, name="webhooks"),
    path("webhooks/new", webhook_new, name="webhook_new"),
    path("webhooks/<str:public_id>", webhook, name="webhook"),
    path("webhooks/<str:public_id>/edit", webhook_edit, name="webhook_edit"),
    path("webhooks/<str:public_id>/enable", webhook_enable, name="webhook_enable"),
    path("webhooks/<str:public_id>/rotate", webhook_rotate, name="webhook_rotate"),
    path("webhooks/<str:public_id>/test", webhook_test, name="webhook_test"),
    path("webhooks/<str:public_id>/delete", webhook_delete, name="webhook_delete"),
    path("webhooks/<str:public_id>/deliveries/<str:delivery_id>/replay", delivery_replay, name="delivery_replay"),
]
