"""Makes a site, and begins the next generation of a log that is lost or has no quorum."""
