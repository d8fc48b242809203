"""Decides what DNS learns of a client, and which clients a cached answer serves."""
