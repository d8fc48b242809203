"""Decides whether a message is the next entry, and whether the own history is still the log's."""
