"""The demonstration: a site that carries real programs while it loses its primary and a node.

Nothing here is arranged in the site's favour: the programs are `pgbench` and Python's own file
server, the losses are SIGKILL, and the last line counts what was lost.
"""
