"""Reports what the relay does: heartbeats, the facts of its paths, metrics."""
