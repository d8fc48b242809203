"""Snapshots between nodes, through the object store: offered by masters, fetched by followers."""
