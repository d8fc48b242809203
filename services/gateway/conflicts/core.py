"""Decides what of a conflict is shown, and what becomes a change of the site again."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from shared.documents import Kind
from shared.domain.conflict import ConflictChange, ConflictLine
from shared.events.config import ProposedChange

SECRETS: Final = frozenset({"password_hash"})

CanOpen = Callable[[str], bool]
"""Whether this site can use a password hash: it is not sealed with another site's secret."""

Bodies = Mapping[tuple[str, str], Mapping[str, Any]]
"""Documents of the site by kind and id."""


def find_conflict(conflicts: Iterable[ConflictLine], id_: str) -> ConflictLine | None:
    """Find the conflict *id_*; the open one of several: a backup may bring it to another master."""
    for line in sorted(conflicts, key=lambda each: each.resolution != ""):
        if line.id == id_:
            return line
    return None


def changes_to_apply(
    changes: Iterable[ConflictChange], there: Bodies, can_open: CanOpen
) -> list[ProposedChange]:
    """Make the change of the site that brings *changes* in.

    A document that was deleted on both sides needs no change. A user whose password another site's
    secret sealed keeps the password that they have *there*, or has none until one is set.
    """
    return [
        ProposedChange(
            kind=each.kind, id=each.id, op=each.op, body=_usable_body(each, there, can_open)
        )
        for each in changes
        if each.op == "put" or (each.kind, each.id) in there
    ]


def without_secrets(change: ConflictChange) -> ConflictChange:
    """Leave the secrets out of the body of *change*."""
    body = change.body
    shown = None if body is None else {k: v for k, v in body.items() if k not in SECRETS}
    return replace(change, body=shown)


def _usable_body(change: ConflictChange, there: Bodies, can_open: CanOpen) -> dict[str, Any] | None:
    body = change.body
    if change.kind != Kind.USER or body is None:
        return body
    if can_open(str(body.get("password_hash", ""))):
        return body
    here = there.get((change.kind, change.id), {})
    return {**body, "password_hash": here.get("password_hash", "")}
