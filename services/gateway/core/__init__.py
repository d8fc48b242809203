"""Decisions that every room uses: who may do what, and how often."""
