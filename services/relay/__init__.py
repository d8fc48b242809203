"""Carries session bytes through a node: checks a ticket once, then splices.

Owns the connections of its node and which sessions are closed here (`relay.json`). Consumes the
orders `DrainNode`, `UndrainNode` and `CloseSession`; publishes `NodeHeartbeat` and `PathReported`.
**Its data plane needs neither masters nor NATS nor PostgreSQL**: it starts and serves without them,
by tickets and the directory's copy on disk.
"""
