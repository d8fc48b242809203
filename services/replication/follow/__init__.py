"""Updates this node's replica from the cluster log: reads, applies, and reports its position."""
