"""Fuzzing: every decoder is fed whatever may come, and one judgement holds for all of them.

`targets` names the decoders and builds their corpora; `judge` says what is a finding; `worker` runs
one target in a process of its own; `branches` counts what was reached. `make fuzz SECONDS=60` runs
all of them, `make test` the corpora.
"""
