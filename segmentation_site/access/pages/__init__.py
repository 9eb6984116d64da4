"""Pages on who may come in: signing in and API keys."""
