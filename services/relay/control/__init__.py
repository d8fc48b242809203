"""Obeys the site's orders and follows this node's configuration; keeps both facts on disk."""
