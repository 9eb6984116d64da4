"""Why a customer is in its segment, as JSON."""

from typing import Any

from segmentation_site.http.schema import BOOLEAN, NUMBER, TEXT, list_of, nullable, shape
from segments.api.answers import FIT, SEGMENT_NAME, named
from segments.browsing.explanations import Explanation

EXPLANATION = shape(
    "Explanation",
    {
        "segmentation": TEXT,
        "run_id": TEXT,
        "segment": nullable(SEGMENT_NAME),
        "runner_up": nullable(SEGMENT_NAME),
        "fit": nullable(FIT),
        "sentence": TEXT,
        "features": list_of(
            shape(
                "FeatureReason",
                {
                    "name": TEXT,
                    "label": TEXT,
                    "unit": TEXT,
                    "value": {"oneOf": [NUMBER, TEXT, {"type": "null"}]},
                    "typical": nullable(NUMBER),
                    "runner_up_typical": nullable(NUMBER),
                    "gap": NUMBER,
                    "would_move_at": nullable(NUMBER),
                    "is_out_of_range": nullable(BOOLEAN),
                },
            )
        ),
    },
)


def of_explanation(one: Explanation) -> dict[str, Any]:
    """Why a customer is in its segment, feature by feature, the strongest reason first."""
    return {
        "segmentation": one.segmentation.slug,
        "run_id": one.run.public_id,
        "segment": named(one.segment),
        "runner_up": named(one.runner_up),
        "fit": one.fit,
        "sentence": one.sentence,
        "features": [
            {
                "name": reason.name,
                "label": reason.label,
                "unit": reason.unit,
                "value": reason.number,
                "typical": reason.own,
                "runner_up_typical": reason.other,
                "gap": reason.gap,
                "would_move_at": reason.would_move.value if reason.would_move else None,
                "is_out_of_range": not reason.would_move.is_seen if reason.would_move else None,
            }
            for reason in one.reasons
        ],
    }
