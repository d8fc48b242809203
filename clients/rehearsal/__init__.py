"""A rehearsal of node selection: a population of clients, placed by the site and told in figures.

The site itself places them, from its live state and by its own code; here they are read, counted
and drawn. Nothing is changed by it.
"""
