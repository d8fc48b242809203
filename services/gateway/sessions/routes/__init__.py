"""Serves sessions over HTTP and WebSocket: open, join, close; queues; control channels."""
