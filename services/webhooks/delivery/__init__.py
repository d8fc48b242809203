"""Delivers events: one durable consumer and one dispatcher for each webhook, on the primary."""
