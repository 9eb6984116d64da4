"""What happens to jobs, for whoever tells of it; sent inside the transaction in which it happens."""

from django.dispatch import Signal

# Keyword arguments: job (as its row was last read), status (what it is after the transaction: done, failed or
# cancelled).
job_ended = Signal()
