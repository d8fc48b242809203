import pytest

from services.gateway.placement.core.pins import require_nodes
from services.gateway.placement.selector import rehearsed_rule
from shared.documents.node import NodeDocument
from shared.documents.selection import Selection, SelectionMethod, SelectionOverride
from shared.domain.errors import InvalidChange, NotFound
from shared.domain.ids import NodeId
from shared.domain.node import NodeRole

LATENCY = SelectionOverride(methods=(SelectionMethod.LATENCY,))
GEO = SelectionOverride(methods=(SelectionMethod.GEO,))
BERLIN = NodeId("berlin")


def test_a_later_override_takes_the_place_of_an_earlier_one() -> None:
    assert rehearsed_rule(Selection(), None) == Selection()
    assert rehearsed_rule(Selection(), GEO, LATENCY).methods == (SelectionMethod.LATENCY,)


def test_a_rule_that_no_site_could_have_is_refused() -> None:
    override = SelectionOverride(methods=(SelectionMethod.A_RECORD,))
    with pytest.raises(InvalidChange, match="this cannot be tried: ") as caught:
        rehearsed_rule(Selection(), override)
    assert caught.value.attributes["field"] == "instead"


def test_only_names_of_the_sites_nodes_pass() -> None:
    known = {BERLIN: NodeDocument(role=NodeRole.TRAFFIC)}
    require_nodes(known, [BERLIN])
    with pytest.raises(NotFound, match="there is no node 'lima': berlin"):
        require_nodes(known, [BERLIN, NodeId("lima")])
