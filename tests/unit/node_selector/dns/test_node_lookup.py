import asyncio

import pytest

from services.node_selector.core.dns_matching import Audience, DnsAnswer, Record
from services.node_selector.core.facts import DnsRank, Lookup
from services.node_selector.dns.node_lookup import NodeLookup
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


class ServerAnswer:
    """A name server that says one thing, and hears which hosts are asked for."""

    def __init__(self, found: DnsAnswer) -> None:
        self.found = found
        self.hosts: tuple[str, ...] = ()

    async def look_up(
        self, method: SelectionMethod, rule: DnsLookup, client: str, hosts: tuple[str, ...]
    ) -> DnsAnswer:
        assert (rule, client) == (RULE, "198.51.100.7")
        self.hosts = hosts
        return self.found


def looked_up(answer: ServerAnswer) -> Lookup:
    nodes = {
        node: NodeDocument.model_validate({"role": "traffic", "public_address": address})
        for node, address in NODES.items()
    }
    asked = NodeLookup(answer).look_up(SelectionMethod.SRV_RECORD, RULE, "198.51.100.7", nodes)
    return asyncio.run(asked)


def found(*records: Record) -> DnsAnswer:
    return DnsAnswer(NAME, records, audience=Audience.CLIENT)


def test_the_nodes_that_records_name_keep_priority_and_weight() -> None:
    answer = ServerAnswer(
        found(Record("192.0.2.1", 7000, 10, 60), Record("denver.example.com", 7001, 20, 1))
    )
    lookup = looked_up(answer)
    assert lookup.nodes == {"berlin": DnsRank(10, 60), "denver": DnsRank(20, 1)}
    assert lookup.basis == f"{NAME} answered 192.0.2.1:7000, denver.example.com:7001"
    assert lookup.failure == ""


def test_only_nodes_with_a_public_address_are_matched() -> None:
    answer = ServerAnswer(found(Record("192.0.2.1")))
    looked_up(answer)
    assert answer.hosts == ("192.0.2.1", "denver.example.com")


@pytest.mark.parametrize("record", [Record("192.0.2.9"), Record("denver.example.com", 7000)])
def test_an_answer_that_names_no_node_is_reported(record: Record) -> None:
    assert looked_up(ServerAnswer(found(record))) == Lookup(
        failure=f"{NAME} answered {record}, which is no node's public address"
    )


def test_a_failure_is_passed_on_in_its_own_words() -> None:
    failed = DnsAnswer(NAME, failure=f"{NAME} does not exist (NXDOMAIN)")
    assert looked_up(ServerAnswer(failed)) == Lookup(failure=f"{NAME} does not exist (NXDOMAIN)")
