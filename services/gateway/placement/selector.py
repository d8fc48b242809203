"""Asks the node selectors for sessions and operators, and checks the names in their questions."""

from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from services.gateway.configuration.reader import ConfigurationReader
from services.gateway.placement.core.pins import require_nodes, require_traffic_node
from shared.documents import Kind
from shared.documents.selection import Selection, SelectionOverride, merged
from shared.domain.errors import InvalidChange, Unavailable
from shared.domain.ids import NodeId
from shared.events.rehearsal import RehearseSelection, SelectionRehearsed
from shared.events.selection import ExplainSelection, NodesSelected, SelectNodes
from shared.messaging.ports import Asks
from shared.runtime.directory import Directory

SELECT_SECONDS: Final = 4.0
SELECT_ATTEMPT_SECONDS: Final = 1.5
EXPLAIN_SECONDS: Final = 2.0
REHEARSAL_SECONDS: Final = 15.0


@dataclass(frozen=True)
class SelectorClient:
    """The site's node selectors, and the documents that a question to them names."""

    publisher: Asks
    directory: Directory
    reader: ConfigurationReader

    async def select(self, question: SelectNodes) -> NodesSelected:
        """Ask for the nodes of a session.

        Raises:
            NoTrafficNode: no node may carry it now.
            Unavailable: no selector answered.
        """
        return await self.publisher.ask(
            question, timeout_seconds=SELECT_SECONDS, attempt_seconds=SELECT_ATTEMPT_SECONDS
        )

    async def explain(self, question: ExplainSelection) -> NodesSelected:
        """Ask which nodes the ends of *question* would get, and why.

        Raises:
            NotFound: there is no such public site, team or traffic node.
        """
        named = ((Kind.PUBLIC_SITE, question.public_site), (Kind.TEAM, question.team))
        for kind, name in named:
            if name is not None:
                await self.reader.document(kind, name)
        if question.pin is not None:
            require_traffic_node(self.directory.nodes, question.pin)
        return await self.publisher.ask(question, timeout_seconds=EXPLAIN_SECONDS)

    async def rehearse(self, question: RehearseSelection) -> SelectionRehearsed:
        """Place clients as they would be placed now; nothing changes, and no ticket is issued.

        Raises:
            NotFound: a failed node is none of the site's.
        """
        require_nodes(self.directory.nodes, question.failed)
        return await self.publisher.ask(
            question, timeout_seconds=REHEARSAL_SECONDS, attempt_seconds=REHEARSAL_SECONDS / 2
        )

    def rule(
        self, public_site: str | None, team: str | None, instead: SelectionOverride | None
    ) -> Selection:
        """Return the rule for *public_site* and *team*, with *instead* over it.

        Raises:
            InvalidChange: the result is no valid rule.
            Unavailable: the site's settings were not read yet.
        """
        overrides = self.directory.overrides
        return rehearsed_rule(
            self.directory.require_site().selection,
            overrides.get((Kind.PUBLIC_SITE, public_site or "")),
            overrides.get((Kind.TEAM, team or "")),
            instead,
        )

    async def pin_for(self, user: str, wanted: str | None) -> NodeId | None:
        """Return the node that a session of *user* is pinned to: *wanted*, or else the user's own.

        Raises:
            NotFound: there is no such traffic node.
        """
        if wanted is not None:
            return require_traffic_node(self.directory.nodes, NodeId(wanted))
        try:
            document = await self.reader.user(user)
        except Unavailable:
            return None
        if document is None or not document.pinned_node:
            return None
        return NodeId(document.pinned_node)

    def region_of(self, node: NodeId) -> str:
        """Return the region of *node*; empty when the site has no such node."""
        document = self.directory.nodes.get(node)
        return "" if document is None else document.region


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
