"""Checks this master's health and its own database, and publishes its heartbeat."""
