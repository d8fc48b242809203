"""What a mutant is, and whether it still applies to the source that it breaks."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
FAILOVER: Final = ("tests/unit/failover_monitor", "tests/simulation/failover")


@dataclass(frozen=True)
class Mutant:
    """*module* with *old*, which occurs in it once, replaced by *new*."""

    name: str
    module: str
    old: str
    new: str
    tests: tuple[str, ...] = FAILOVER


class DoesNotApplyError(Exception):
    """The source or the tests that a mutant names are not there any more."""


def patched(mutant: Mutant, source: str) -> str:
    """Return *source* with the guard broken.

    Raises:
        DoesNotApplyError: the text to replace does not occur exactly once.
    """
    count = source.count(mutant.old)
    if count != 1:
        raise DoesNotApplyError(f"its text occurs {count} times in {mutant.module}")
    return source.replace(mutant.old, mutant.new)


def require_applicable(mutant: Mutant, root: Path = ROOT) -> None:
    """Check that *mutant* changes its module into other valid Python, and that its tests exist.

    Raises:
        DoesNotApplyError: it does not.
    """
    file = (root / mutant.module.replace(".", "/")).with_suffix(".py")
    if not file.is_file():
        raise DoesNotApplyError(f"there is no module {mutant.module}")
    source = file.read_text()
    broken = patched(mutant, source)
    if broken == source:
        raise DoesNotApplyError("it changes nothing")
    try:
        compile(broken, mutant.module, "exec")
    except SyntaxError as error:
        raise DoesNotApplyError(f"the changed module is not Python: {error}") from error
    missing = [each for each in mutant.tests if not (root / each).exists()]
    if missing:
        raise DoesNotApplyError(f"there is no {' and no '.join(missing)}")


def not_applicable(mutants: tuple[Mutant, ...], root: Path = ROOT) -> dict[str, str]:
    """Return the names of the mutants that do not apply, each with the reason."""
    reasons: dict[str, str] = {}
    for mutant in mutants:
        try:
            require_applicable(mutant, root)
        except DoesNotApplyError as error:
            reasons[mutant.name] = str(error)
    return reasons
