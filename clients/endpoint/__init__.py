"""One end of a session as a process: sockets, timers and local connections around a tunnel's core.

`endpoint` performs the core's effects, `dialling` gets links from relays, `forwarding` moves bytes
between local connections and streams, `clock` tells the time. Nothing is decided here.
"""
