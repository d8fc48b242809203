"""Decides a session's next states, who sees and accepts queued customers, and what to report."""
