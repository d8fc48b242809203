"""Follows one change through a running site and names the files that it passes.

`python -m tools.walk` starts a site and puts one document with an unmistakable name. Process by
process it lists the files with a function that was handed that change (the name is in an argument).
`shared/domain`, `shared/documents` and `shared/decoding` are left out: values that everybody knows.
Two counts are printed: the files that know what a change is, and all, with those of the bus.
"""
