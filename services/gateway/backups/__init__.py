"""Backup files of the master state: made from a master's snapshot, opened, restored as changes."""
