"""What others write for the same: views with the same authentication, which hand out what the table holds.

They check no parameters, pin no run, tell no ETag, count no calls and say no `fit`.
"""

from typing import ClassVar

import orjson
from django.db import connection, models
from django.http import HttpResponse
from django.urls import path
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import CharField, DateTimeField, ModelSerializer
from rest_framework.views import APIView

from customers.models import Customer
from segmentation_site.access.keys import ApiKeyAuthentication
from segments.models import Run, Segment

PAGE = 1000

MEMBERS = """
    SELECT m.customer_id, c.external_id, s.public_id AS segment_id, m.distance, m.runner_up_distance,
        r.published_at AS joined_at, r.public_id AS run_id
    FROM (
        SELECT * FROM segments_assignment WHERE run_id = %s AND customer_id > %s ORDER BY customer_id LIMIT %s
    ) AS m
    JOIN customers_customer AS c ON c.id = m.customer_id
    JOIN segments_segment AS s ON s.id = m.segment_id
    JOIN segments_run AS r ON r.id = m.joined_run_id
    ORDER BY m.customer_id
"""
CHANGES = """
    SELECT ch.sequence, ch.kind AS type, c.external_id, was.public_id AS from_segment_id,
        is_now.public_id AS to_segment_id, r.public_id AS run_id, ch.at
    FROM (
        SELECT * FROM segments_change WHERE segmentation_id = %s AND sequence > %s ORDER BY sequence LIMIT %s
    ) AS ch
    JOIN customers_customer AS c ON c.id = ch.customer_id
    LEFT JOIN segments_segment AS was ON was.id = ch.from_segment_id
    LEFT JOIN segments_segment AS is_now ON is_now.id = ch.to_segment_id
    LEFT JOIN segments_run AS r ON r.id = ch.run_id
    ORDER BY ch.sequence
"""


class WithKey(BasePermission):
    """Whoever sends a key."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.auth is not None


class _Rows(APIView):
    """Keyset pages: rows as dicts, written by orjson."""

    authentication_classes = (ApiKeyAuthentication,)
    permission_classes = (WithKey,)
    statement: str

    def get(self, request: Request, key: int, after: int) -> HttpResponse:
        with connection.cursor() as cursor:
            cursor.execute(self.statement, [key, after, PAGE])
            names = [column.name for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        following = f"/peers/{request.resolver_match.url_name}/{key}/{rows[-1][names[0]]}" if rows else None  # type: ignore[union-attr]
        return HttpResponse(orjson.dumps({"results": rows, "next": following}), content_type="application/json")


class MemberRows(_Rows):
    """Members from the tables."""

    statement = MEMBERS


class ChangeRows(_Rows):
    """Changes from the tables."""

    statement = CHANGES


class Member(models.Model):
    """The table of assignments as a model with relations, as most have it."""

    customer = models.OneToOneField(Customer, models.DO_NOTHING, primary_key=True, related_name="+")
    run_id = models.BigIntegerField()
    segment = models.ForeignKey(Segment, models.DO_NOTHING, related_name="+")
    distance = models.FloatField()
    runner_up_distance = models.FloatField()
    joined_run = models.ForeignKey(Run, models.DO_NOTHING, related_name="+")
    objects: ClassVar[models.Manager["Member"]] = models.Manager()

    class Meta:
        app_label = "benchmarks"
        managed = False
        db_table = "segments_assignment"

    def __str__(self) -> str:
        return f"{self.pk}"


def member_models(run_id: int) -> models.QuerySet[Member]:
    """The members of a run, in one query, with the columns that are shown and no others."""
    return (
        Member.objects.filter(run_id=run_id)
        .select_related("customer", "segment", "joined_run")
        .only(
            "distance",
            "runner_up_distance",
            "customer__external_id",
            "segment__public_id",
            "joined_run__public_id",
            "joined_run__published_at",
        )
    )


class MemberSerializer(ModelSerializer[Member]):
    """A member with the names of what it belongs to."""

    external_id = CharField(source="customer.external_id")
    segment_id = CharField(source="segment.public_id")
    joined_at = DateTimeField(source="joined_run.published_at")
    run_id = CharField(source="joined_run.public_id")

    class Meta:
        model = Member
        fields = ("external_id", "segment_id", "distance", "runner_up_distance", "joined_at", "run_id")


class _Cursor(CursorPagination):
    page_size = PAGE
    ordering = "customer_id"


class MemberModels(APIView):
    """The framework's own way."""

    authentication_classes = (ApiKeyAuthentication,)
    permission_classes = (WithKey,)

    def get(self, request: Request, key: int) -> Response:
        pages = _Cursor()
        page = pages.paginate_queryset(member_models(key), request, self)
        return pages.get_paginated_response(MemberSerializer(page, many=True).data)


urlpatterns = [
    path("members-rows/<int:key>/<int:after>", MemberRows.as_view(), name="members-rows"),
    path("members-models/<int:key>", MemberModels.as_view()),
    path("changes-rows/<int:key>/<int:after>", ChangeRows.as_view(), name="changes-rows"),
]
