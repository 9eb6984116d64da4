"""What happens to customers, for rooms of other apps; sent inside the transaction in which it happens."""

from django.dispatch import Signal

# Keyword argument: import_ (the Import, done).
import_finished = Signal()
# Without arguments: customers were written, and have new change sequences.
customers_changed = Signal()
# Without arguments: purchases came, or were taken back.
purchases_changed = Signal()
# Keyword arguments: customer_ids (a list of ids that no longer exist after the transaction; now they still do), kind
# ("left" when it had been a mistake that they came, "erased" when they must be forgotten).
customers_going = Signal()
