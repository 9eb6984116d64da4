"""Addresses of the API that are about segmentations, runs, segments, and everything that shows customers."""

from django.urls import path

from segments.api.runs import RunCancel, RunModel, RunOne, RunPublish, Runs
from segments.api.segmentations import SegmentationOne, Segmentations

urlpatterns = [
    path("segmentations", Segmentations.as_view(), name="api-segmentations"),
    path("segmentations/<str:slug>", SegmentationOne.as_view(), name="api-segmentation"),
    path("segmentations/<str:slug>/runs", Runs.as_view(), name="api-runs"),
    path("runs/<str:public_id>", RunOne.as_view(), name="api-run"),
    path("runs/<str:public_id>/cancel", RunCancel.as_view(), name="api-run-cancel"),
    path("runs/<str:public_id>/publish", RunPublish.as_view(), name="api-run-publish"),
    path("runs/<str:public_id>/model", RunModel.as_view(), name="api-run-model"),
]
