"""What webhooks can be told of."""

from enum import StrEnum

from django.utils.translation import gettext_lazy as _


class Event(StrEnum):
    """What happened, as deliveries name it."""

    RUN_FINISHED = "run.finished"
    RUN_PUBLISHED = "run.published"
    IMPORT_FINISHED = "import.finished"
    EXPORT_FINISHED = "export.finished"
    DRIFT_DETECTED = "drift.detected"


MEANINGS = {
    Event.RUN_FINISHED: _("A run has ended: done, failed or cancelled"),
    Event.RUN_PUBLISHED: _("Segments in use have changed"),
    Event.IMPORT_FINISHED: _("An import has ended: done, failed or cancelled"),
    Event.EXPORT_FINISHED: _("An export is ready to be fetched, or has failed"),
    Event.DRIFT_DETECTED: _("Customers are no longer what they were when the segments were found"),
}

# Sent when somebody asks for it, to nobody who has not.
TEST = "webhook.test"
