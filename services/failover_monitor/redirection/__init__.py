"""Leads the site's address to this master once it is primary.

It runs beside the lease and never in its way: the role changes whether or not anything here works,
and whatever fails is told, and tried again.
"""
