"""Decides each next state of a session, who sees and accepts customers, and what to report."""
