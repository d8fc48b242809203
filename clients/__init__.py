"""The programs that people run: `meridian share`, `meridian connect`, administrators' commands.

An endpoint speaks HTTPS to a gateway and the relay protocol to a traffic node, nothing else;
nothing here imports a service. `clients.tunnel` is the end-to-end encrypted stream between them.
"""
