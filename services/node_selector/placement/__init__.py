"""Answers requests for nodes: collects the facts, asks the core, builds the answer."""
