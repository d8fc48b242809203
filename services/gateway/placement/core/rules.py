"""Decides which rule of selection a rehearsal uses: the site's own, with its overrides."""

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from shared.documents.node import NodeDocument
from shared.documents.selection import Selection, SelectionOverride, merged
from shared.domain.errors import InvalidChange, NotFound
from shared.domain.ids import NodeId


def rehearsed_rule(site: Selection, *overrides: SelectionOverride | None) -> Selection:
    """Merge *overrides* into the rule of the *site*, the later ones over the earlier ones.

    Raises:
        InvalidChange: the result is no valid rule.
    """
    rule = merged(site, *overrides)
    try:
        return Selection.model_validate(rule.model_dump(mode="json"))
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InvalidChange(f"this cannot be tried: {message}", field="instead") from error


def require_nodes(known: Mapping[NodeId, NodeDocument], wanted: Iterable[NodeId]) -> None:
    """Let names of nodes pass.

    Raises:
        NotFound: there is none of such a name.
    """
    for node in wanted:
        if node not in known:
            raise NotFound(f"there is no node {node!r}: {', '.join(sorted(known))}", id=node)
