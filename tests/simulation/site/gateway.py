"""Who asks for changes: a gateway that repeats a proposal until it is answered, or gives up."""

from random import Random
from typing import Final

from shared.domain.ids import RequestId
from shared.events.config import ProposeChanges, ProposedChange
from tests.simulation.failover.world import NODES
from tests.simulation.site.site import Site

NAMES: Final = ("berlin", "denver", "lagos", "tokyo")
AGAIN_SECONDS: Final = 1.7
TRIES: Final = 8


class Gateway:
    """Proposes changes of nodes, each until it is answered."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._count = 0

    def ask(self, *, is_put: bool = False) -> RequestId:
        """Propose one more change; one *is_put* breaks no rule. Its request id."""
        self._count += 1
        is_put = is_put or self._site.random.random() < 0.8
        proposal = _proposal(self._site.random, self._count, is_put=is_put)
        self._try(proposal, TRIES)
        return proposal.request_id

    def _try(self, proposal: ProposeChanges, left: int) -> None:
        site = self._site
        if left == 0 or proposal.request_id in site.ledger.acknowledged:
            return
        for node in NODES:
            site.carry(site.gateway_node, site.masters[node], site.propose, node, proposal)
        site.at(site.now + AGAIN_SECONDS, self._try, proposal, left - 1)


def _proposal(random: Random, number: int, *, is_put: bool) -> ProposeChanges:
    """A change of some node, or its deletion, which is refused when there is no such node."""
    change = ProposedChange(
        kind="node",
        id=random.choice(NAMES),
        op="put" if is_put else "delete",
        body={"role": "traffic", "weight": 1 + number % 100} if is_put else None,
    )
    return ProposeChanges(request_id=RequestId(f"r{number}"), author="rita", changes=(change,))
