import asyncio

import pytest

from services.node_selector.core.facts import Lookup, Named
from services.node_selector.core.named import Audience, LookedUp, Record
from services.node_selector.dns.names import DnsNames
from shared.documents.node import NodeDocument
from shared.documents.selection import DnsLookup, SelectionMethod
from shared.domain.ids import NodeId

NAME = "nodes.example.com"
RULE = DnsLookup(name=NAME)
NODES = {
    NodeId("berlin"): {"host": "192.0.2.1", "port": 7000},
    NodeId("denver"): {"host": "denver.example.com", "port": 7001},
    NodeId("hidden"): None,
}


class Said:
    """A name server that says one thing, and hears which hosts are asked for."""

    def __init__(self, found: LookedUp) -> None:
        self.found = found
        self.hosts: tuple[str, ...] = ()

    async def look_up(
        self, method: SelectionMethod, rule: DnsLookup, client: str, hosts: tuple[str, ...]
    ) -> LookedUp:
        assert (rule, client) == (RULE, "198.51.100.7")
        self.hosts = hosts
        return self.found


def looked_up(said: Said) -> Lookup:
    nodes = {
        node: NodeDocument.model_validate({"role": "traffic", "public_address": address})
        for node, address in NODES.items()
    }
    asked = DnsNames(said).look_up(SelectionMethod.SRV_RECORD, RULE, "198.51.100.7", nodes)
    return asyncio.run(asked)


def found(*records: Record) -> LookedUp:
    return LookedUp(NAME, records, audience=Audience.CLIENT)


def test_the_nodes_that_records_name_keep_priority_and_weight() -> None:
    said = Said(found(Record("192.0.2.1", 7000, 10, 60), Record("denver.example.com", 7001, 20, 1)))
    lookup = looked_up(said)
    assert lookup.nodes == {"berlin": Named(10, 60), "denver": Named(20, 1)}
    assert lookup.basis == f"{NAME} answered 192.0.2.1:7000, denver.example.com:7001"
    assert lookup.failure == ""


def test_only_nodes_with_a_public_address_are_matched() -> None:
    said = Said(found(Record("192.0.2.1")))
    looked_up(said)
    assert said.hosts == ("192.0.2.1", "denver.example.com")


@pytest.mark.parametrize("record", [Record("192.0.2.9"), Record("denver.example.com", 7000)])
def test_an_answer_that_names_no_node_is_told(record: Record) -> None:
    assert looked_up(Said(found(record))) == Lookup(
        failure=f"{NAME} answered {record}, which is no node's public address"
    )


def test_a_failure_is_passed_on_in_its_own_words() -> None:
    failed = LookedUp(NAME, failure=f"{NAME} does not exist (NXDOMAIN)")
    assert looked_up(Said(failed)) == Lookup(failure=f"{NAME} does not exist (NXDOMAIN)")
