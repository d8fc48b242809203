"""Directs the site's address to this master once it is primary.

It runs beside the lease: the role changes whether or not anything here works. A redirection that
fails is reported and tried again.
"""
