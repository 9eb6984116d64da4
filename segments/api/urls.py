"""Addresses of the API that are about segmentations, runs, segments, and everything that shows customers."""

from django.urls import path

from segments.api.batches import CustomerBatch, CustomerLookup
from segments.api.changes import Changes
from segments.api.comparisons import RunCompare
from segments.api.customers import CustomerExplanation, CustomerOne, Customers
from segments.api.exports import ExportFile, ExportOne, Exports
from segments.api.matches import RunMatches
from segments.api.members import SegmentationMembers, SegmentMembers
from segments.api.runs import RunCancel, RunModel, RunOne, RunPublish, Runs
from segments.api.scores import Scores
from segments.api.segmentations import SegmentationOne, Segmentations
from segments.api.segments import SegmentOne, SegmentsInUse

urlpatterns = [
    path("segmentations", Segmentations.as_view(), name="api-segmentations"),
    path("segmentations/<str:slug>", SegmentationOne.as_view(), name="api-segmentation"),
    path("segmentations/<str:slug>/runs", Runs.as_view(), name="api-runs"),
    path("segmentations/<str:slug>/segments", SegmentsInUse.as_view(), name="api-segments"),
    path("segmentations/<str:slug>/members", SegmentationMembers.as_view(), name="api-segmentation-members"),
    path("segmentations/<str:slug>/changes", Changes.as_view(), name="api-changes"),
    path("segmentations/<str:slug>/score", Scores.as_view(), name="api-score"),
    path("runs/<str:public_id>", RunOne.as_view(), name="api-run"),
    path("runs/<str:public_id>/cancel", RunCancel.as_view(), name="api-run-cancel"),
    path("runs/<str:public_id>/publish", RunPublish.as_view(), name="api-run-publish"),
    path("runs/<str:public_id>/compare", RunCompare.as_view(), name="api-run-compare"),
    path("runs/<str:public_id>/matches", RunMatches.as_view(), name="api-run-matches"),
    path("runs/<str:public_id>/model", RunModel.as_view(), name="api-run-model"),
    path("segments/<str:public_id>", SegmentOne.as_view(), name="api-segment"),
    path("segments/<str:public_id>/members", SegmentMembers.as_view(), name="api-segment-members"),
    path("exports", Exports.as_view(), name="api-exports"),
    path("exports/<str:public_id>", ExportOne.as_view(), name="api-export"),
    path("exports/<str:public_id>/file", ExportFile.as_view(), name="api-export-file"),
    path("customers", Customers.as_view(), name="api-customers"),
    path("customers/batch", CustomerBatch.as_view(), name="api-customers-batch"),
    path("customers/lookup", CustomerLookup.as_view(), name="api-customers-lookup"),
    # A customer's id may hold anything, also slashes: it is the owner's own.
    path("customers/<path:external_id>/explanation", CustomerExplanation.as_view(), name="api-customer-explanation"),
    path("customers/<path:external_id>", CustomerOne.as_view(), name="api-customer"),
]
