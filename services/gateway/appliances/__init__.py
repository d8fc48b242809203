"""Serves the failover API of the field's product, so that its scripts work with this site."""
