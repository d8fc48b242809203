"""A site as this machine knows it: the remembered profile, and calls of the site's API."""
