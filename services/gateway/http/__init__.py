"""Serves HTTP for every room: bounded bodies, headers, pages and problem documents."""
