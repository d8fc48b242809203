"""Decides each next state of a session, who sees and accepts queued customers, and what is news."""
