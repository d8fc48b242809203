"""Reads from this master's copy: documents, the history of changes, the chain of entries."""
