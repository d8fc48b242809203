"""Carries bytes with sockets, pipes and one event loop; `core` decides what happens to whom.

**The data plane needs neither masters nor NATS nor PostgreSQL**: nothing here knows of them.
"""
