"""What two services share: a word, a fact on the wire or an adapter; never a decision.

The packages, from the ground up: `domain`, `documents`, `events`, `crypto`, `wire`, `messaging`,
`clusterlog`, `persistence`, `runtime`. Nothing here knows a service, a client or the stack.
"""
