"""Reads, changes and plans the site's configuration; shows its history, checks its log's copies."""
