"""Writes changes: orders proposals into entries of the log and acknowledges them."""
