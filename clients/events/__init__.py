"""Reads a site's events from outside: with a read-only credential, without the cluster's key.

`filters` decides which events are asked for, `reader` holds the connection, `keys` checks the
signatures of nodes, `rendering` makes the lines that are printed.
"""
