"""`/metrics` for Prometheus: what the database knows of jobs, asked at each scrape, the same from every process."""

import hmac
from collections.abc import Iterator
from ipaddress import ip_address

from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, Sum
from django.db.models.expressions import RawSQL
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from segmentation_site.http.callers import address_of, came_through_a_proxy
from segmentation_site.jobs.models import Job, JobStatus
from segmentation_site.jobs.sweeping import job_models, last_sweep

PREFIX = "segmentation"


class JobCollector(Collector):
    """Jobs by kind and state, how long the oldest waits, attempts, durations, and what sweeps did."""

    def collect(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily(f"{PREFIX}_jobs", "Jobs by kind and status.", labels=["kind", "status"])
        waits = GaugeMetricFamily(f"{PREFIX}_queue_age_seconds", "How long the oldest job waits.", labels=["kind"])
        attempts = GaugeMetricFamily(f"{PREFIX}_job_attempts", "Attempts of all jobs that are kept.", labels=["kind"])
        took = SummaryMetricFamily(
            f"{PREFIX}_job_duration_seconds", "How long the jobs took that are done.", labels=["kind"]
        )
        for model in job_models():
            kind = model._meta.model_name or ""
            for status, count in _by_status(model).items():
                jobs.add_metric([kind, status], count)
            waits.add_metric([kind], _oldest_wait(model))
            attempts.add_metric([kind], model._default_manager.aggregate(all=Sum("attempt"))["all"] or 0)
            count, seconds = _durations(model)
            took.add_metric([kind], count_value=count, sum_value=seconds)
        yield from (jobs, waits, attempts, took, *_sweeps(), *_connections())


def _by_status(model: type[Job]) -> dict[str, int]:
    counted = dict(model._default_manager.values_list("status").annotate(Count("pk")).order_by())
    return {status: counted.get(status, 0) for status, _ in model._meta.get_field("status").choices or ()}


def _oldest_wait(model: type[Job]) -> float:
    oldest = model._default_manager.filter(status=JobStatus.QUEUED).aggregate(at=Min("created_at"))["at"]
    if oldest is None:
        return 0.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp() - %s)", [oldest])
        return float(cursor.fetchone()[0])


def _durations(model: type[Job]) -> tuple[int, float]:
    seconds = RawSQL("extract(epoch FROM finished_at - started_at)::float8", [])
    found = (
        model._default_manager.filter(status=JobStatus.DONE, started_at__isnull=False)
        .annotate(seconds=seconds)
        .aggregate(count=Count("pk"), sum=Sum("seconds"))
    )
    return found["count"], found["sum"] or 0.0


def _sweeps() -> Iterator[Metric]:
    swept = last_sweep()
    deeds = CounterMetricFamily(f"{PREFIX}_swept_jobs", "What sweeps did with jobs.", labels=["deed"])
    for deed in ("rung", "requeued", "failed", "cancelled"):
        deeds.add_metric([deed], getattr(swept, deed, 0))
    yield CounterMetricFamily(f"{PREFIX}_sweeps", "Sweeps that came through.", value=swept.sweeps if swept else 0)
    yield deeds
    if swept:
        at = swept.last_at.timestamp()
        yield GaugeMetricFamily(f"{PREFIX}_last_sweep_timestamp_seconds", "When the last sweep came through.", value=at)


def _connections() -> Iterator[Metric]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        count = cursor.fetchone()[0]
    yield GaugeMetricFamily(f"{PREFIX}_database_connections", "Connections to the database.", value=count)


# Applications that keep other work than jobs add what they tell of it.
registry = CollectorRegistry(auto_describe=False)
registry.register(JobCollector())


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For whoever has METRICS_TOKEN as its bearer token; without one, for this machine alone. Nobody else finds it."""
    if not _may_see(request):
        raise Http404
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_see(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        expected = f"Bearer {settings.METRICS_TOKEN}"
        return hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected.encode())
    # Behind a proxy everybody comes from this machine.
    address = address_of(request)
    return not came_through_a_proxy(request) and address is not None and ip_address(address).is_loopback


urlpatterns = [path("metrics", metrics, name="metrics")]
