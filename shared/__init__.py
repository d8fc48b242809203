"""The parts that two services share: words, facts on the wire and adapters; no decisions.

The packages, from the ground up: `domain`, `documents`, `events`, `crypto`, `wire`, `messaging`,
`clusterlog`, `persistence`, `runtime`. Nothing here knows a service, a client or the stack.
"""
