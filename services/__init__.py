"""The site's services, one package each.

`config` owns the master state, `replication` carries it, `failover_monitor` says who is primary,
`node_selector` places clients, `relay` carries session bytes, `webhooks` delivers events to
receivers outside, `gateway` is the HTTPS API.
They never import one another: they meet in `shared.events` only.
"""
