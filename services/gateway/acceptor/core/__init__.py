"""Decides how long a connection may take for each step, how much it may send, and who it is."""
