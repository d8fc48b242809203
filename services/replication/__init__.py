"""Carries the cluster log to every node: PostgreSQL on masters, a signed file on traffic nodes.

Consumes the log, in order; answers *sync now* and, on masters, the wish for a snapshot. Masters
also keep the history of the site's status: what the stream of events says, for longer than it does.
Publishes its node's progress, signed by the node. It runs on the primary too and finds there
that config has applied everything already.
"""
