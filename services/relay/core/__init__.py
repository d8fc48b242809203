"""Decides which connections are admitted, which two become a pair, and how fast a pair may go."""
