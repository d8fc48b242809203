"""Keys, signatures, seals and tickets: whatever proves who may do what.

The pre-shared key proves membership; the site secret, which only masters hold, makes tokens and
seals; each node's own Ed25519 key says which node spoke.
"""
