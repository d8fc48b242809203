"""Decides: is a change valid, which entry makes it, and when is a log rebuilt."""
