"""Decides who may act as primary, and on which log servers the stream leaders belong.

`monitor.Monitor` is the face of the lease: facts go in, effects come out, and nothing outside
reaches the parts behind it. `leaders`, `storage` and `versions` are decisions of their own.
"""
