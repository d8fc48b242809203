"""Lists and resolves the changes that one master had alone when the site went on without it."""
