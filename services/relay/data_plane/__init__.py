"""Carries bytes: sockets, pipes and one event loop; what happens to whom is decided in `core`.

**The data plane needs neither masters nor NATS nor PostgreSQL**: nothing here knows of them.
"""
