"""Pages on what the customers' tables alone know: one file per noun of the address."""
