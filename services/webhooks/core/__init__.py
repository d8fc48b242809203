"""Decides what becomes of a delivery; the answer, the attempt and the age come in as values."""
