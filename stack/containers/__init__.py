"""Runs a whole site in containers: what `make up`, `down`, `ps`, `traffic-node` and `gateway` do.

`core` decides: which steps lead from what runs to what the files say, in which order, and whether
they may be begun at all. The modules beside it run Docker's commands, call the site as its
administrator, and read and write the files that a site begins with.
"""
