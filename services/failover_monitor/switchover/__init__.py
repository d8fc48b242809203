"""Carries out a planned change of primary: the steps of the primary, and those of its successor."""
