"""Decides whether a message is the next entry, and whether a replica's history is the log's."""
