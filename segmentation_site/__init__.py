"""Machinery under both apps: settings, jobs, access, HTTP, embedded servers."""
