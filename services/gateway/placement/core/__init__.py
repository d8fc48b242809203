"""Decides which node a session may be pinned to, and which relays an endpoint measures."""
