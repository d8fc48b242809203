"""The cluster's message broker: signed, checked, and refused before anything is parsed."""
