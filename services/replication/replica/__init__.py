"""Stores the node's configuration replica: PostgreSQL on a master, a signed file elsewhere."""
