"""HTTP of placement: relays to measure, explanations, rehearsals."""
