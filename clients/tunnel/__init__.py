"""The end-to-end encrypted stream between a customer and a representative; it outlives its paths.

Two ends that share the words of a session key agree on a secret over any path, and from then on
move one ordered stream of bytes, cut into port-forwarding streams, across whatever path there is.
**Neither a relay nor a master can read or alter it; no byte is lost, none comes twice**, as long
as both ends' processes live and a path returns.

The modules, from the outside in: `tunnel` (one end, all its facts and effects), `table`, `links`
and `choice` (which path), `handshake` (what each end proves on a new link), `exchange` and
`commitment` (to a secret, with words or without), `resume` (secret to record keys), `frames` and
`records` (bytes on a link), `conversation` and `outbox` (frames that are not acknowledged yet),
`streams` (flow control and half-close). Nothing here waits, sends or reads a clock: facts come in
with `now`, effects go out, randomness is an argument.
"""
