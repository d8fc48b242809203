"""Requests votes of the other masters for the failsafe promise, and votes on their requests."""
