"""Decides which traffic node takes a client, and says why.

Owns nothing that must be kept: each replica holds the directory and the last heartbeats in memory,
and any replica of the queue group answers. Consumes heartbeats; asks config for the directory;
answers `SelectNodes` and `ExplainSelection`. Scale it by starting more of it.
"""
