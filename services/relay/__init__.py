"""Carries session bytes through a node: a ticket once, then splice.

Owns the connections of its node and which sessions are closed here (`relay.json`). Consumes the
orders `DrainNode`, `UndrainNode` and `CloseSession`; publishes `NodeHeartbeat` and `PathReported`.
**Its data plane needs neither masters nor NATS nor PostgreSQL**: it starts and serves without them,
by tickets and the directory's copy on disk.
"""
