"""Fuzzes one target in a process of its own, named by its arguments: target, folder, bounds.

With atheris inputs are chosen by the branches that they reach in the product's own modules; without
it hypothesis draws them. What was worth keeping lies in FOLDER/corpus afterwards, findings in
FOLDER/findings, one file for each cause.
"""

import hashlib
import logging
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random
from time import monotonic_ns
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tools.fuzz.target import Target

INSTRUMENTED: Final = ("clients", "services", "shared", "stack")
LONGEST_INPUT: Final = 4_096
AT_A_TIME: Final = 500
"""Examples of hypothesis between two looks at the clock."""

KEPT: Final = 2_000
"""Inputs of hypothesis that are kept, to count branches by."""

EXECUTED: Final = "executed "


def has_atheris() -> bool:
    """Whether there is a wheel of it for this Python."""
    return find_spec("atheris") is not None


class Recorder:
    """Feeds inputs to a target, and keeps the first input of each cause of a finding."""

    def __init__(self, target: "Target", folder: Path) -> None:
        self._target = target
        self._findings = folder / "findings"
        self._known = set[str]()

    def take(self, data: bytes) -> None:
        """Feed *data*."""
        from tools.fuzz.judge import judge  # noqa: PLC0415 - after the product was instrumented

        verdict = judge(self._target, data)
        if verdict.finding and verdict.kind not in self._known:
            self._known.add(verdict.kind)
            self._findings.mkdir(exist_ok=True)
            path = self._findings / hashlib.sha256(data).hexdigest()[:16]
            path.write_bytes(data)
            print(f"finding: {verdict.finding}\n  {path}", file=sys.stderr, flush=True)


def by_atheris(name: str, folder: Path, seconds: int, runs: int) -> None:
    """Fuzz until *seconds* or *runs* are over; the process ends with it."""
    import atheris  # noqa: PLC0415 - not there everywhere

    with atheris.instrument_imports(include=INSTRUMENTED):
        target = _target(name)
    from tools.fuzz.mutate import mutated  # noqa: PLC0415 - as above

    recorder = Recorder(target, folder)

    def mutator(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.4:
            return atheris.Mutate(data, most)
        return mutated(data, random)[:most]

    options = {
        "max_total_time": seconds,
        "runs": runs,
        "max_len": LONGEST_INPUT,
        "timeout": 30,
        "rss_limit_mb": 4_096,
        "print_final_stats": 1,
        "verbosity": 1,
        "artifact_prefix": f"{folder}/",
    }
    flags = [f"-{option}={value}" for option, value in options.items()]
    atheris.Setup(
        [sys.argv[0], *flags, str(folder / "corpus")], recorder.take, custom_mutator=mutator
    )
    atheris.Fuzz()


def by_hypothesis(name: str, folder: Path, seconds: int, runs: int) -> None:
    """Draw examples until *seconds* or *runs* are over."""
    from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: PLC0415 - as above
    from hypothesis import strategies as st  # noqa: PLC0415

    from tools.fuzz.mutate import crossed, mutated  # noqa: PLC0415

    recorder = Recorder(_target(name), folder)
    seeds = [path.read_bytes() for path in sorted((folder / "corpus").iterdir())]
    end, executed = monotonic_ns() + seconds * 10**9, 0

    def one(chosen: bytes, other: bytes, number: int) -> None:
        nonlocal executed
        random = Random(number)
        data = mutated(chosen, random) if random.random() < 0.9 else crossed(chosen, other, random)
        if executed < KEPT:
            (folder / "corpus" / f"drawn-{executed}").write_bytes(data)
        executed += 1
        recorder.take(data)

    drawn = st.one_of(st.sampled_from(seeds), st.binary(max_size=64)), st.sampled_from(seeds)
    quiet = settings(
        max_examples=AT_A_TIME,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    batch = 0
    while executed < runs and monotonic_ns() < end:
        seed(batch)(quiet(given(*drawn, st.integers(0, 2**64 - 1))(one)))()
        batch += 1
    print(f"{EXECUTED}{executed}", file=sys.stderr)


def _target(name: str) -> "Target":
    found: Target = import_module("tools.fuzz.targets").find(name)
    return found


def main() -> None:
    """Fuzz the target that the arguments name."""
    name, folder, seconds, runs, engine = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    fuzz = by_atheris if engine == "atheris" else by_hypothesis
    fuzz(name, Path(folder), int(seconds), int(runs))


if __name__ == "__main__":
    main()
