"""Serves placement over HTTP: relays to measure, explanations, rehearsals."""
