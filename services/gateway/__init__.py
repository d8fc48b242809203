"""Serves the API of the site: HTTPS for people and programs, control channels for endpoints.

Owns the sessions' state (stream `SESSIONS`, one subject a session, changed by compare-and-set)
and the check of who may do what. Consumes heartbeats, grants and followers' progress; asks
config, node selector, replication and relays; publishes session states. Runs on both masters,
and either can start sessions.
"""
