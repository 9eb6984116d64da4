"""Pages on webhooks and what became of their deliveries."""
