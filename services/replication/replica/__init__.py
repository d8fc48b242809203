"""The node's replica of the configuration: PostgreSQL on a master, a signed file elsewhere."""
