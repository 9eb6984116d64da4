"""An assignment: a run's statement that a customer is in a segment.

One LIST partition per run, loaded and dropped whole.
"""

from typing import ClassVar

from django.db import models


class Assignment(models.Model):
    """customer → segment in one run, with distance and runner-up.

    No foreign keys: a million validated ones cost ten times the load itself, and the ids come from the database in
    the same transaction. Its table is partitioned by run, which the migration spells out in SQL.
    """

    personal_data: ClassVar = ("customer_id",)

    pk = models.CompositePrimaryKey("run_id", "customer_id")
    run_id = models.BigIntegerField()
    customer_id = models.BigIntegerField()
    segment_id = models.BigIntegerField()
    distance = models.FloatField(help_text="Distance to the segment's centroid in the prepared space")
    runner_up_id = models.BigIntegerField(null=True)
    runner_up_distance = models.FloatField(null=True)
    # The run by which the customer came into this segment and has been in it since.
    joined_run_id = models.BigIntegerField()

    class Meta:
        managed = False
        db_table = "segments_assignment"

    def __str__(self) -> str:
        return f"customer {self.customer_id} in segment {self.segment_id} of run {self.run_id}"
