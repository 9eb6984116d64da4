"""How dates are written, the same on our pages and in the admin."""
