"""Serves HTTP for every room: the server, bounded bodies, headers, pages and problem documents."""
