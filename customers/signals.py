"""What happens to customers, for rooms of other apps; sent inside the transaction in which it happens."""

from django.dispatch import Signal

# Keyword argument: import_ (the Import, done).
import_finished = Signal()
# Keyword argument: customer_ids (a list of ids that no longer exist after the transaction).
customers_removed = Signal()
