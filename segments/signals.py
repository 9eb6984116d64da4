"""What happens to segmentations, for rooms of other apps; sent inside the transaction in which it happens."""

from django.dispatch import Signal

# Keyword arguments: segmentation (the Segmentation), drift (what it keeps of it). Sent when drift begins to ask for
# something to be done, once until it has gone or another run is published.
drift_detected = Signal()
