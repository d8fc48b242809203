"""Runs sessions: their state, queues, placement, credentials, control channels and expiry."""
