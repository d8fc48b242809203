"""Signs callers in and records what they did: tokens, passwords, limits by address, audit log."""
