"""One end of a session as a process: sockets, timers and local connections around a tunnel's core.

`endpoint` performs the core's effects, `dialling` gets links from relays, `forwarding` moves bytes
between local connections and streams, `standard_streams` are such a connection, `refusals` counts
streams that were refused, `path_requests` asks the site for other paths, `outage` decides what
becomes of an end without one, `paths` knows
which there are, `probing` measures relays.
"""
