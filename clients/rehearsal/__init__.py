"""Rehearses node selection: the site places a population, and the result is counted and drawn.

The site places them by its live state and its own code, and changes nothing. The population is
read, and the result counted and drawn, here.
"""
