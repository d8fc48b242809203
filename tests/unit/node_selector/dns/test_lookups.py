"""DnsLookups with name servers that the test makes up, in virtual time."""

import asyncio
from collections.abc import Mapping

import pytest

from services.node_selector.core.dns_matching import Audience, DnsAnswer, Record
from services.node_selector.dns.answers import RecordKind, ServerAnswer
from services.node_selector.dns.client import Servers, ServersUnknown
from services.node_selector.dns.core.networks import Network
from services.node_selector.dns.lookups import DnsLookups, Limits
from shared.documents.selection import DnsLookup, SelectionMethod
from tests.fakes.containment import contained
from tests.fakes.virtual_time import VirtualClock, pause, run, turn

NAME = "nodes.example.com"
OWN: Servers = (("192.0.2.99", 53),)
FIXED: Servers = (("192.0.2.53", 53),)
NOWHERE = ServerAnswer(failure=f"{NAME} has no A record", seconds=60, is_absent=True)
A, SRV = SelectionMethod.A_RECORD, SelectionMethod.SRV_RECORD


def ok(*hosts: str, scope: int | None = 24, seconds: float = 30) -> ServerAnswer:
    return ServerAnswer(tuple(map(Record, hosts)), scope_bits=scope, seconds=seconds)


Answers = Mapping[tuple[str, RecordKind], ServerAnswer]


class NameServers:
    """They take *pause_seconds* for an answer and remember what they were asked."""

    def __init__(
        self,
        answers: Answers,
        pause_seconds: float = 0.01,
        limits: Limits | None = None,
    ) -> None:
        self.answers = dict(answers)
        self.pause_seconds = pause_seconds
        self.has_own = True
        self.asked: list[tuple[str, RecordKind, str | None, Servers]] = []
        self.lookups = DnsLookups(self, self, VirtualClock(), contained(), limits)

    async def ask(
        self, name: str, kind: RecordKind, network: Network | None, fixed: Servers, seconds: float
    ) -> ServerAnswer:
        self.asked.append((name, kind, None if network is None else str(network), fixed))
        await pause(self.pause_seconds)
        return self.answers.get((name, kind), NOWHERE)

    def of_this_machine(self) -> Servers:
        if not self.has_own:
            raise ServersUnknown("none")
        return OWN

    async def look_up(
        self,
        client: str = "198.51.100.7",
        method: SelectionMethod = A,
        hosts: tuple[str, ...] = ("192.0.2.1", "192.0.2.2"),
        *,
        resolvers: tuple[str, ...] = (),
    ) -> DnsAnswer:
        answer = {"name": NAME, "timeout_seconds": 1, "resolvers": resolvers}
        return await self.lookups.look_up(method, DnsLookup.model_validate(answer), client, hosts)


def test_a_record_asks_for_both_kinds_of_addresses_with_the_clients_network() -> None:
    servers = NameServers({(NAME, "A"): ok("192.0.2.1"), (NAME, "AAAA"): ok("2001:db8::1")})
    found = run(servers.look_up())
    assert found.records == (Record("192.0.2.1"), Record("2001:db8::1"))
    assert found.audience is Audience.CLIENT
    assert servers.asked == [
        (NAME, "A", "198.51.100.0/24", ()),
        (NAME, "AAAA", "198.51.100.0/24", ()),
    ]


def test_configured_resolvers_are_asked_instead_of_the_zone_s_own_servers() -> None:
    servers = NameServers({(NAME, "A"): ok("192.0.2.1")})
    run(servers.look_up(resolvers=("192.0.2.53",)))
    assert {fixed for *_, fixed in servers.asked} == {FIXED}


def test_srv_record_asks_for_srv_records() -> None:
    answer = ServerAnswer((Record("a.example.com", 443, 10, 5),), scope_bits=0)
    servers = NameServers({(NAME, "SRV"): answer})
    found = run(servers.look_up(method=SRV, hosts=("a.example.com",)))
    assert found.records == answer.records
    assert [kind for _, kind, *_ in servers.asked] == ["SRV"]


@pytest.mark.parametrize(
    ("answer", "client", "audience"),
    [
        (ok("192.0.2.1", scope=24), "198.51.100.7", Audience.CLIENT),
        (ok("192.0.2.1", scope=0), "198.51.100.7", Audience.EVERYBODY),
        (ok("192.0.2.1", scope=None), "198.51.100.7", Audience.EVERYBODY),
        (ok("192.0.2.1", scope=None), "10.0.0.7", Audience.UNKNOWN),
        (ok("192.0.2.1", scope=None), "no address", Audience.UNKNOWN),
    ],
)
def test_an_answer_without_a_scope_is_not_for_the_client(
    answer: ServerAnswer, client: str, audience: Audience
) -> None:
    assert run(NameServers({(NAME, "A"): answer}).look_up(client)).audience is audience


def test_a_private_address_is_never_sent() -> None:
    servers = NameServers({(NAME, "A"): ok("192.0.2.1", scope=None)})
    run(servers.look_up("192.168.1.7"))
    assert {network for _, _, network, _ in servers.asked} == {None}


def test_an_answer_serves_its_whole_scope_and_nobody_else() -> None:
    servers = NameServers({(NAME, "A"): ok("192.0.2.1", scope=20)})

    async def scenario() -> list[int]:
        counts: list[int] = []
        for client in ("198.51.100.7", "198.51.111.7", "198.51.112.7"):
            await servers.look_up(client)
            counts.append(sum(kind == "A" for _, kind, *_ in servers.asked))
        return counts

    assert run(scenario()) == [1, 1, 2]


def test_a_name_that_is_not_there_is_not_asked_for_again_while_that_stands() -> None:
    servers = NameServers({})

    async def scenario() -> None:
        for _ in range(3):
            found = await servers.look_up()
            assert found.failure == f"{NAME} has no address"
        assert len(servers.asked) == 2
        await pause(60)
        await servers.look_up()
        assert len(servers.asked) == 4

    run(scenario())


def test_a_failure_is_kept_for_a_moment_for_everybody() -> None:
    ill = ServerAnswer(failure=f"{NAME}: 192.0.2.53@53 answered SERVFAIL")
    servers = NameServers({(NAME, "A"): ill, (NAME, "AAAA"): ill})

    async def scenario() -> None:
        assert (await servers.look_up("198.51.100.7")).failure == ill.failure
        assert (await servers.look_up("9.9.9.9")).failure == ill.failure
        assert len(servers.asked) == 2
        await pause(5)
        await servers.look_up("9.9.9.9")
        assert len(servers.asked) == 4

    run(scenario())


def test_the_trouble_of_one_kind_is_reported_before_the_absence_of_the_other() -> None:
    ill = ServerAnswer(failure=f"{NAME}: 192.0.2.53@53 answered SERVFAIL")
    assert run(NameServers({(NAME, "AAAA"): ill}).look_up()).failure == ill.failure


def test_one_kind_is_enough() -> None:
    ill = ServerAnswer(failure=f"{NAME}: 192.0.2.53@53 answered SERVFAIL")
    found = run(NameServers({(NAME, "A"): ok("192.0.2.1"), (NAME, "AAAA"): ill}).look_up())
    assert (found.records, found.failure) == ((Record("192.0.2.1"),), None)


def test_many_who_ask_the_same_share_one_question() -> None:
    servers = NameServers({(NAME, "A"): ok("192.0.2.1")})

    async def scenario() -> None:
        found = await asyncio.gather(*(servers.look_up(f"198.51.100.{n}") for n in range(50)))
        assert len(set(map(id, (each.records[0] for each in found)))) == 1
        assert len(servers.asked) == 2

    run(scenario())


def test_who_leaves_does_not_take_the_answer_from_those_who_wait() -> None:
    servers = NameServers({(NAME, "A"): ok("192.0.2.1")})

    async def scenario() -> DnsAnswer:
        impatient = asyncio.create_task(servers.look_up())
        patient = asyncio.create_task(servers.look_up())
        await turn()
        impatient.cancel()
        return await patient

    assert run(scenario()).records == (Record("192.0.2.1"),)
    assert len(servers.asked) == 2


def test_servers_that_do_not_answer_cost_the_time_that_is_allowed_once() -> None:
    servers = NameServers({}, pause_seconds=100)

    async def scenario() -> float:
        began = asyncio.get_running_loop().time()
        for _ in range(3):
            found = await servers.look_up()
            assert found.failure == f"{NAME}: no answer within 1 s"
        return asyncio.get_running_loop().time() - began

    assert run(scenario()) == pytest.approx(1.0)


def test_hosts_are_asked_for_their_numbers_only_when_an_answer_names_none() -> None:
    answers: Answers = {(NAME, "A"): ok("192.0.2.1"), ("a.example.com", "A"): ok("192.0.2.1")}
    servers = NameServers(answers)

    async def scenario() -> None:
        assert (await servers.look_up(hosts=("192.0.2.1", "b.example.com"))).numbers == {}
        found = await servers.look_up(hosts=("a.example.com",))
        assert found.numbers == {"a.example.com": frozenset({"192.0.2.1"})}

    run(scenario())
    assert servers.asked[-1] == ("a.example.com", "AAAA", None, OWN)


def test_hosts_are_asked_of_this_machine_s_servers_even_when_others_are_configured() -> None:
    servers = NameServers({(NAME, "A"): ok("192.0.2.1")})
    run(servers.look_up(hosts=("a.example.com",), resolvers=("192.0.2.53",)))
    assert servers.asked[0] == (NAME, "A", "198.51.100.0/24", FIXED)
    assert servers.asked[-1] == ("a.example.com", "AAAA", None, OWN)


def test_a_machine_without_a_resolver_knows_no_numbers() -> None:
    servers = NameServers({(NAME, "A"): ok("192.0.2.1")})
    servers.has_own = False
    assert run(servers.look_up(hosts=("a.example.com",))).numbers == {}


def test_all_questions_of_a_placement_end_in_its_time() -> None:
    answers: Answers = {(NAME, "A"): ok("192.0.2.1"), (NAME, "AAAA"): ok("192.0.2.1")}
    servers = NameServers(answers, pause_seconds=0.6)

    async def scenario() -> tuple[float, DnsAnswer, DnsAnswer]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        servers.answers["a.example.com", "A"] = ok("192.0.2.1")
        early = await servers.look_up(hosts=("a.example.com",))
        seconds = loop.time() - began
        return seconds, early, await servers.look_up(hosts=("a.example.com",))

    seconds, early, again = run(scenario())
    assert seconds == pytest.approx(1.0)
    assert early.numbers == {"a.example.com": frozenset()}
    assert again.numbers == {"a.example.com": frozenset({"192.0.2.1"})}


def test_too_many_questions_at_once_are_not_put() -> None:
    servers = NameServers({(NAME, "A"): ok("192.0.2.1")}, limits=Limits(in_flight=2))

    async def scenario() -> None:
        first = asyncio.create_task(servers.look_up("198.51.100.7"))
        await turn()
        second = await servers.look_up("9.9.9.9")
        assert second.failure == f"{NAME}: too many questions are in flight"
        await first

    run(scenario())


def test_no_more_than_some_are_with_the_servers_at_one_moment() -> None:
    servers = NameServers({(NAME, "A"): ok("192.0.2.1")}, limits=Limits(at_once=3))

    async def scenario() -> None:
        everybody = [asyncio.create_task(servers.look_up(f"9.9.{n}.9")) for n in range(10)]
        await turn()
        assert len(servers.asked) == 3
        await asyncio.gather(*everybody)
        assert len(servers.asked) == 20

    run(scenario())


class Cursed(NameServers):
    """One kind of question fails in a way that nobody foresaw."""

    async def ask(
        self, name: str, kind: RecordKind, network: Network | None, fixed: Servers, seconds: float
    ) -> ServerAnswer:
        if kind == "AAAA":
            raise RecursionError("compressed without an end")
        return await super().ask(name, kind, network, fixed, seconds)


def test_a_lookup_that_fails_in_an_unforeseen_way_costs_no_other() -> None:
    servers = Cursed({(NAME, "A"): ok("192.0.2.1")})
    assert run(servers.look_up()).records == (Record("192.0.2.1"),)
    alone = run(Cursed({}).look_up())
    assert alone.failure == f"{NAME}: RecursionError: compressed without an end"
