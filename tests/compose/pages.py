"""The commands of the operations pages, as somebody would type them on each machine.

A fenced block `sh on NAME` is what is typed on machine NAME, from top to bottom; there are no
others that a shell would read, so a page holds no command that is not run.
"""

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
ON = re.compile(r"sh on (?P<machine>[a-z]+)")


@dataclass(frozen=True)
class Typed:
    """What is typed on one machine before going to another one."""

    page: str
    machine: str
    commands: str

    def __str__(self) -> str:
        return f"{self.page}, on {self.machine}: {self.commands.splitlines()[0]}"


def typed(page: Path) -> tuple[Typed, ...]:
    """Read the blocks of *page* in their order.

    Raises:
        ValueError: a block does not say on which machine it is typed.
    """
    return tuple(_block(page, found) for found in FENCE.finditer(page.read_text()))


def _block(page: Path, found: re.Match[str]) -> Typed:
    where = ON.fullmatch(found["info"].strip())
    if where is None:
        raise ValueError(f"{page.name}: a block says {found['info']!r}, not on which machine")
    return Typed(page.name, where["machine"], found["body"])
