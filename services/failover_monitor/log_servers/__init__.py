"""Cares for the log's servers: their streams, leaders, state and storage."""
