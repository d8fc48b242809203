"""Decides which nodes are alive, which master is primary, what a takeover does, what is news."""
