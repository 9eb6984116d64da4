"""A run's results on their way into the database: assignments into a partition of their own, segments, profiles."""

from collections.abc import Sequence

import numpy as np

from segmentation_site.database.copying import binary_rows
from segmentation_site.database.partitions import drop_partition, load_partition
from segments.kmeans.shapes import Fit, IntVector, Profile
from segments.models import Assignment, Run, Segment, SegmentProfile

TABLE = Assignment._meta.db_table


def store_assignments(run: Run, ids: IntVector, fit: Fit, segment_ids: IntVector, joined_run_ids: IntVector) -> int:
    """Put everybody's assignment into the run's own partition; returns how many there are.

    ids             (n,) int64, ascending customer ids      segment_ids     (k,) int64, primary keys in the order of
    the fit's groups joined_run_ids  (n,) int64, the run by which each customer came into its segment

    Call it in the transaction that ends the run.
    """
    return load_partition(
        TABLE,
        "run_id",
        run.pk,
        ["customer_id", "segment_id", "distance", "runner_up_id", "runner_up_distance", "joined_run_id"],
        binary_rows(
            [
                ids,
                segment_ids[fit.labels],
                fit.distance.astype(np.float32),
                segment_ids[fit.runner_up],
                fit.runner_up_distance.astype(np.float32),
                joined_run_ids,
            ]
        ),
    )


def store_profiles(run: Run, everybody: Profile, profiles: Sequence[Profile], segments: Sequence[Segment]) -> None:
    """Keep what the segments look like in this run; the profile of everybody has no segment."""
    SegmentProfile.objects.filter(run=run).delete()
    SegmentProfile.objects.bulk_create(
        SegmentProfile(run=run, segment=segment, size=profile.size, share=profile.share, content=profile.to_json())
        for segment, profile in [(None, everybody), *zip(segments, profiles, strict=True)]
    )


def drop_assignments(run: Run) -> None:
    """Drop a run's partition, whole."""
    drop_partition(TABLE, run.pk)
