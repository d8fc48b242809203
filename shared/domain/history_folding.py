"""Folds the changes of a state that flipped back and forth into one line of the history.

The stored events stay as they are; folding is for reading. A *run* is the changes of one state,
each at most QUIET_MS before the next. A run of LEAST changes or more becomes one line, the newest
of the run, which says what happened again and again. A change of the primary is always shown, and
ends every run: what came before it is not what came after.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from shared.domain.history import Repetition, StatusLine

QUIET_MS: Final = 600_000
LEAST: Final = 4
ALWAYS_SHOWN: Final = "failover.primary_changed"
GOOD_STATES: Final = frozenset({"alive", "following", "active", "working", "synchronous"})

Key = tuple[str, tuple[str, ...], str]
Run = list[StatusLine]


def fold_history(lines: Iterable[StatusLine]) -> tuple[StatusLine, ...]:
    """Fold *lines*, newest first; a folded run stands where its newest line stood."""
    runs: list[Run] = []
    open_runs: dict[Key, Run] = {}
    for line in lines:
        if line.fact == ALWAYS_SHOWN:
            open_runs.clear()
        key = _key(line)
        run = open_runs.get(key) if line.is_state else None
        if run is not None and run[-1].at_unix_ms - line.at_unix_ms <= QUIET_MS:
            run.append(line)
        else:
            open_runs[key] = [line]
            runs.append(open_runs[key])
    folded = (each for run in runs for each in (run if len(run) < LEAST else [_fold(run)]))
    return tuple(sorted(folded, key=lambda line: line.at_unix_ms, reverse=True))


def _fold(run: Sequence[StatusLine]) -> StatusLine:
    bad = [line for line in run if _is_bad(line)] or list(run)
    ((what, times),) = Counter(map(_headline, bad)).most_common(1)
    named = [line.at_unix_ms for line in bad if _headline(line) == what]
    return replace(run[0], repeated=Repetition(what, times, min(named), max(named), len(run)))


def _key(line: StatusLine) -> Key:
    return line.fact, line.nodes, str(line.body.get("webhook") or "")


def _headline(line: StatusLine) -> str:
    """Return what a line says happened, without its cause and without what was before."""
    return line.sentence.partition(": ")[0].partition(", was ")[0]


def _is_bad(line: StatusLine) -> bool:
    body = line.body
    if body.get("could_take_over") is False or body.get("is_off") or body.get("is_low"):
        return True
    state = body.get("state") or body.get("mode")
    return state is not None and state not in GOOD_STATES
