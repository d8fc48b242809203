"""Asks DNS on behalf of a client: its network goes with the question, its answer is kept by scope.

The parts: `core.networks` says what is told of a client, `core.cache` which kept answer counts for
whom, `servers` who is asked, `asking` puts one question, `lookups` puts all that one placement
needs, within its time and never twice at once. Which nodes an answer names is `core.named`'s.
"""
