"""Decides for every room who may do what, and how often."""
