"""Pages on segments, and on everything that shows them: one file per noun of the address."""
