"""Carries the cluster log to every node: PostgreSQL on masters, a signed file on traffic nodes.

Consumes the log in order; answers `SyncNow` and, on masters, `OfferSnapshot`. Masters also archive
the events about the site's status for longer than the stream keeps them. Publishes the node's
progress, signed by the node. It runs on the primary too, where config has applied every entry
before replication reads it.
"""
