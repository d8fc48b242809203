"""Queries DNS on behalf of a client: sends the client's network and caches answers by scope.

`core.networks` decides what DNS learns of a client and `core.cache` which cached answer serves
whom. `zone_servers` finds the servers of a zone, `client` sends one query, `lookups` sends all
queries of one placement within its time and never the same twice at once, and `node_lookup`
matches the records with nodes.
"""
