"""How long nobody accepts a change when a primary dies, and whether one was lost: us and the peers.

Every subject is hurt by the same rounds under writers that stamp increasing numbers, on the same
machine, in one run. A run is made of parts of a few minutes; each part that ended is kept with the
run's id, so an interrupted run goes on where it was, and figures of two runs never meet in a file.
"""
