"""One end of a session, from its credentials to its end.

`live` runs the end: the endpoint, the control channel (`channel`) and the narration, whose lines
`line_writer` writes. `running` ends it by signals. `gate` and
`consent` hold the other end back until a person agrees, `key` is the session key, `facts` and
`latencies` are what a site must know before it places the endpoint.
"""
