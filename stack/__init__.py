"""A whole site as child processes on one machine, for the demo, the tests and the benchmarks.

It starts NATS, PostgreSQL and the services, waits until they are ready, and can kill, freeze and
cut them off. It knows how a service is started and what its settings are, nothing of its inside.
"""
