"""Decides each next state of a session, who sees and takes queued customers, and what is news."""
