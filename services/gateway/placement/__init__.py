"""Questions to the node selectors: relays to measure, pins, explanations, rehearsals."""
