"""The site's configuration: read, changed, planned as a whole; its history and its log's copies."""
