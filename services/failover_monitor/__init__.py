"""Decides who is primary.

Owns the lease: one key that names the acting master, acquired and renewed by compare-and-set alone.
Consumes the other masters' heartbeats and the proof that its own config commits. Publishes
`MasterGranted` at each renewal, `NodeHeartbeat` for its master, and `PrimaryChanged` when it became
primary. Keeps the leaders of the streams away from the primary's own server.
"""
