"""Runs the monitor: makes its calls to the lease, and publishes grants and changes of the role."""
