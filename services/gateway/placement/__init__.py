"""Puts questions to the node selectors: relays to measure, pins, explanations, rehearsals."""
