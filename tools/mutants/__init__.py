"""Breaks every guard of the failover's and of node selection's cores once; `make mutants`.

A mutant is a patch of one module's source, applied in memory while the tests run: no file is
touched. A mutant that no test notices is a guard that nothing needs, or a test that is missing.
"""
