"""Figures of a whole site on one machine, each beside what it is to be compared with.

`make bench` writes `bench/results/site.json`. Machines are noisy, so a ratio within one run says
more than any figure; a benchmark is never a test.
"""
