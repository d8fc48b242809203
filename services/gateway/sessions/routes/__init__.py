"""HTTP and WebSocket of sessions: open, join, close; queues; control channels."""
