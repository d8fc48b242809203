"""What config decides: is a change valid, and what is the entry that makes it."""
