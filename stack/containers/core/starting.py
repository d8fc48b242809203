"""Judges a start that is being waited for: ready, still starting, or failed.

Compose has made every container when it returns. A slow machine is no fault: a container that is
not healthy yet is waited for as long as the operator's patience lasts. What cannot become ready is
not waited for: a container that is not there, or that ended again and again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stack.containers.core.facts import Container

MOST_RESTARTS: Final = 8
"""A container that ended so often while it was waited for is in a crash loop.

The engine doubles its pause from 0.1 s on: that is half a minute and eight attempts."""


@dataclass(frozen=True)
class Progress:
    """The containers that are not ready, each with why, and those that will not become so."""

    waiting: tuple[str, ...]
    failed: tuple[str, ...]

    @property
    def is_ready(self) -> bool:
        return not self.waiting and not self.failed


def judge(
    containers: Sequence[Container], wanted: Sequence[str], earlier: Mapping[str, int]
) -> Progress:
    """Judge the containers of the *wanted* services, all of one project.

    *earlier* is how often each container had been restarted when the waiting began.
    """
    mine = [each for each in containers if each.service in set(wanted)]

    def is_crashing(each: Container) -> bool:
        return each.restarts - earlier.get(each.name, 0) >= MOST_RESTARTS

    absent = sorted(set(wanted) - {each.service for each in mine})
    pending = [each for each in mine if not _is_ready(each)]
    failed = tuple(_describe(each) for each in pending if is_crashing(each))
    waiting = tuple(_describe(each) for each in pending if not is_crashing(each))
    return Progress(waiting, (*(f"{name} has no container" for name in absent), *failed))


def _is_ready(container: Container) -> bool:
    return container.status == "running" and container.health in {"", "healthy"}


def _describe(container: Container) -> str:
    detail = " ".join(container.detail.split())
    state = container.health if container.status == "running" else container.status
    return f"{container.name} is {state}" + (f": {detail}" if detail else "")
