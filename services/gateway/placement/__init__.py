"""Asks the node selectors: relays to measure, pins, explanations, rehearsals."""
