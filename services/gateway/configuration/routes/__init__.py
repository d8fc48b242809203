"""Serves the configuration over HTTP: documents, history, webhooks."""
