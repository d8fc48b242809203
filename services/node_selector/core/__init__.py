"""Decides which node takes a client, and can say why; chance and time come in as values."""
