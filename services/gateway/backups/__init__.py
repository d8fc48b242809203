"""Makes backup files from a master's snapshot, opens them, and restores them as changes."""
