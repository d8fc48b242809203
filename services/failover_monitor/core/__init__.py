"""Decides who may act as primary, and where leaders belong."""
