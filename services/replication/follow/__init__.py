"""Brings this node's replica along the cluster log: reads, applies, and reports its position."""
