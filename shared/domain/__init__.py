"""The words of a cluster: pure values that every service and client shares.

Nothing here reads a clock, opens a socket, draws chance or knows a framework.
"""
