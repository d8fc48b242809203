"""HTTP of the configuration: documents, history, webhooks."""
