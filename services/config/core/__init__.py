"""Decides whether a change is valid, which entry makes it, and when a log is rebuilt."""
