"""Checks that a rule of selection works when it is written: its methods have what they need.

A public site or a team may name a method whose parameters the site's rule sets, so both are
checked. Rules that were written before stay as they are: a method that lacks a parameter chooses
nothing and says so.
"""

from collections.abc import Iterator
from typing import Any, Final

from shared.documents import SITE_ID, Kind
from shared.documents.rules.references import Body, Outcome
from shared.documents.selection import (
    LONGEST_LOOKUP_SECONDS,
    NEEDED,
    Selection,
    SelectionMethod,
    SelectionOverride,
    merged,
)
from shared.documents.state import Documents
from shared.domain.document import Ref
from shared.domain.errors import InvalidChange

OVERRIDING: Final = frozenset({Kind.PUBLIC_SITE, Kind.TEAM})
LOOKUPS: Final = (SelectionMethod.A_RECORD, SelectionMethod.SRV_RECORD)


def require_working_rules(outcome: Outcome, after: Documents) -> None:
    """Let a request pass whose rules of selection have what their methods need.

    Raises:
        InvalidChange: something is missing, or waits longer than anybody does; `field` says what.
    """
    for (kind, id_), body in sorted(_ruling(outcome), key=lambda each: each[0]):
        selection: Body = body.get("selection") or {}
        for method in LOOKUPS:
            _require_short(f"{kind} {id_!r}", method, selection.get(method) or {})
        if kind in OVERRIDING:
            _require_complete(f"{kind} {id_!r}", SelectionOverride.model_validate(selection), after)


def _ruling(outcome: Outcome) -> Iterator[tuple[Ref, Body]]:
    for ref, body in outcome.items():
        if body is not None and (ref.kind == Kind.SITE or ref.kind in OVERRIDING):
            yield ref, body


def _require_short(whose: str, method: SelectionMethod, lookup: Any) -> None:
    if lookup.get("timeout_seconds", 0) > LONGEST_LOOKUP_SECONDS:
        field = f"selection.{method}.timeout_seconds"
        raise InvalidChange(
            f"{whose}: {field}: nobody waits longer than {LONGEST_LOOKUP_SECONDS:g} seconds for a "
            "node; say no more than that",
            field=field,
        )


def _require_complete(whose: str, override: SelectionOverride, after: Documents) -> None:
    site = after.get(Kind.SITE, SITE_ID)
    own: Body = {} if site is None else site.body.get("selection") or {}
    rule = merged(Selection.model_validate(own), override)
    for method in override.methods or ():
        if method in NEEDED and getattr(rule, method) is None:
            field = f"selection.{method}"
            raise InvalidChange(
                f"{whose}: {field}: the site says none, so the method {method} needs its "
                f"{NEEDED[method]}",
                field=field,
            )
