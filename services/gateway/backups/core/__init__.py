"""Decides what a backup consists of, and what of another site's becomes part of this site."""
