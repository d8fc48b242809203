"""Decides which nodes are alive, who is primary, what a takeover does, which changes to report."""
