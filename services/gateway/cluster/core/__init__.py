"""Decides how nodes fare, who seems to be primary, what a takeover would be, and what is news."""
