"""What this master knows about itself: its health check, its own database, and its heartbeat."""
