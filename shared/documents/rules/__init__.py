"""What a change of the documents must keep: the one validation of config and of the front door.

The primary accepts a change by these rules, and a dry run at the front door tells what would be
changed by the same ones, so a dry run refuses exactly what an apply refuses.
"""
