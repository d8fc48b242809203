"""The cluster in the words of the field's product: by value, in XML, over HTTP."""

from uuid import UUID
from xml.etree.ElementTree import Element, fromstring

import pytest
import pytest_asyncio

from services.gateway.appliances.core import (
    ApplianceHealth,
    DataSync,
    SiteFacts,
    appliances_xml,
    describe_appliance,
    error_xml,
    guid,
    health_xml,
    public_hostname,
)
from services.gateway.cluster.failover import FailoverService
from shared.documents import Kind
from shared.documents.node import Address, NodeDocument
from shared.domain.errors import NotReady
from shared.domain.ids import Epoch, LogGeneration, NodeId, Revision, Sequence, UnixMillis
from shared.domain.node import FailoverRole, MasterRole, NodeRole
from shared.events.failover import MasterGranted, SwitchOver
from shared.events.node import NodeHeartbeat
from shared.events.replication import FollowerProgressed, FollowerState
from tests.unit.gateway.conftest import BOOT, InMemoryGateway, People, Person

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
SITE = "support.example.com"
NOW = UnixMillis(1_790_000_000_000)
MASTER = NodeDocument(role=NodeRole.MASTER, gateway_url="https://alpha.example.com:8443")
TRAFFIC = NodeDocument(
    role=NodeRole.TRAFFIC,
    public_address=Address(host="tokyo.example.com", port=7443),
    timezone="Asia/Tokyo",
    accepting_new_clients=False,
)


def text(root: Element, path: str) -> str | None:
    return root.findtext(path)


def test_an_id_is_a_guid_of_site_and_node() -> None:
    assert UUID(guid(SITE, ALPHA)).version == 8
    assert guid(SITE, ALPHA) == guid(SITE, ALPHA)
    assert len({guid(SITE, ALPHA), guid(SITE, BRAVO), guid("other.example.com", ALPHA)}) == 3


def test_a_traffic_node_has_its_offset_in_seconds_and_no_part_in_failover() -> None:
    shown = describe_appliance(NodeId("tokyo"), TRAFFIC, SiteFacts(SITE, ALPHA, NOW))
    assert shown.timezone_offset == 9 * 3600
    assert (shown.cluster_role, shown.failover_role) == ("traffic", FailoverRole.NONE)
    assert not shown.accepting_connections
    assert shown.public_hostname == "tokyo.example.com"


def test_a_master_is_primary_or_backup() -> None:
    for primary, role in ((ALPHA, "primary"), (BRAVO, "backup"), (None, "backup")):
        shown = describe_appliance(ALPHA, MASTER, SiteFacts(SITE, primary, NOW))
        assert (shown.cluster_role, shown.failover_role) == ("primary", role)


def test_a_master_without_a_second_one_has_no_part_in_failover() -> None:
    shown = describe_appliance(ALPHA, MASTER, SiteFacts(SITE, ALPHA, NOW, nodes=2, masters=1))
    assert (shown.cluster_role, shown.failover_role) == ("primary", FailoverRole.NONE)


def test_a_node_that_is_alone_is_single_and_always_accepts() -> None:
    closed = MASTER.model_copy(update={"accepting_new_clients": False})
    shown = describe_appliance(ALPHA, closed, SiteFacts(SITE, ALPHA, NOW, nodes=1, masters=1))
    assert (shown.cluster_role, shown.accepting_connections) == ("single", True)


@pytest.mark.parametrize(
    ("document", "name"),
    [
        (MASTER, "alpha.example.com"),
        (TRAFFIC, "tokyo.example.com"),
        (
            NodeDocument(role=NodeRole.MASTER, gateway_url="https://help.example.com/x"),
            "help.example.com",
        ),
        (
            NodeDocument(role=NodeRole.MASTER, gateway_url="https://[2001:db8::1]:8443"),
            "2001:db8::1",
        ),
        (NodeDocument(role=NodeRole.TRAFFIC), "alpha"),
    ],
)
def test_a_node_is_named_by_where_people_find_it(document: NodeDocument, name: str) -> None:
    assert public_hostname(ALPHA, document) == name


def test_health_in_xml_shows_all_that_there_is() -> None:
    health = ApplianceHealth(
        id=guid(SITE, ALPHA),
        hostname="alpha.example.com",
        version="0.1.0",
        failover_role=FailoverRole.PRIMARY,
        shared_ips=("192.0.2.9",),
        data_sync=DataSync(NOW, "following, 0 entries behind"),
    )
    root = fromstring(health_xml(health))

    assert root.tag == "check_health"
    assert root.find("appliance[@id]") is not None
    assert text(root, "appliance") == "alpha.example.com"
    assert text(root, "version") == "0.1.0"
    assert text(root, "success") == "1"
    assert root.find("error_message") is None
    assert text(root, "failover_role") == "primary"
    assert text(root, "enabled_shared_ips/ip") == "192.0.2.9"
    synced = root.find("last_data_sync_time")
    assert synced is not None
    assert (synced.text, synced.get("ts")) == ("2026-09-21T14:13:20Z", "1790000000")
    assert text(root, "last_data_sync_status") == "following, 0 entries behind"


def test_health_in_xml_leaves_out_what_there_is_not() -> None:
    health = ApplianceHealth("id", "alpha", "0.1.0", FailoverRole.NONE, error_message="no log")
    root = fromstring(health_xml(health))
    assert text(root, "success") == "0"
    assert text(root, "error_message") == "no log"
    for name in ("enabled_shared_ips", "last_data_sync_time", "last_data_sync_status"):
        assert root.find(name) is None


def test_a_name_that_looks_like_xml_is_only_a_name() -> None:
    shown = describe_appliance(NodeId("a<b"), TRAFFIC, SiteFacts(SITE, None, NOW))
    (node,) = fromstring(appliances_xml([shown]))
    assert text(node, "name") == "a<b"
    assert text(node, "accepting_connections") == "0"
    assert fromstring(error_xml("<no>")).text == "<no>"


@pytest_asyncio.fixture
async def pair(fake: InMemoryGateway) -> InMemoryGateway:
    """Two masters, alpha here and primary, and a traffic node; both masters are heard."""
    fake.site.write(Kind.NODE, "alpha", {"role": "master", "gateway_url": "https://a:1"})
    fake.site.write(Kind.NODE, "bravo", {"role": "master", "gateway_url": "https://b:1"})
    fake.site.write(Kind.NODE, "tokyo", {"role": "traffic", "timezone": "+09:00"})
    fake.site.write(Kind.NODE, "judge", {"role": "witness"})
    fake.site.revision += 1
    await fake.state.directory.read()
    send_heartbeat(fake, ALPHA, MasterRole.PRIMARY)
    send_heartbeat(fake, BRAVO, MasterRole.BACKUP)
    follows(fake, BRAVO)
    grant = MasterGranted(node=ALPHA, epoch=Epoch(3), boot_id=BOOT, valid_until=fake.clock.at + 60)
    fake.state.grant.offer(grant)
    return fake


def send_heartbeat(fake: InMemoryGateway, node: NodeId, role: MasterRole) -> None:
    fake.state.observed.record_heartbeat(
        NodeHeartbeat(
            node=node,
            service="failover_monitor",
            version="0.1.0",
            started_unix_ms=0,
            role=role,
            epoch=Epoch(3),
        ),
        fake.clock.now(),
    )


def follows(fake: InMemoryGateway, node: NodeId) -> None:
    fake.state.observed.record_progress(
        FollowerProgressed(
            node=node,
            state=FollowerState.FOLLOWING,
            log_generation=LogGeneration(1),
            revision=Revision(7),
            sequence=Sequence(7),
            epoch=Epoch(3),
            hash="00",
        ),
        fake.clock.now(),
    )


async def asked(person: Person, query: str, status: int = 200) -> Element:
    headers = {"Authorization": f"Bearer {person.token}"} if person.token else {}
    answer = await person.client.get(f"/api/command?{query}", headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/xml")
    return fromstring(answer.content)


async def test_check_health_shows_the_role_and_when_the_backup_was_last_heard(
    people: People, pair: InMemoryGateway
) -> None:
    admin = await people.admin()
    pair.clock.at += 2
    for node, role in ((ALPHA, MasterRole.PRIMARY), (BRAVO, MasterRole.BACKUP)):
        send_heartbeat(pair, node, role)

    root = await asked(admin, "action=check_health")

    assert text(root, "success") == "1"
    assert text(root, "failover_role") == "primary"
    assert text(root, "last_data_sync_status") == "following, 0 entries behind"
    synced = root.find("last_data_sync_time")
    assert synced is not None
    assert synced.get("ts") == "1000"


async def test_get_appliances_lists_all_but_the_witness(
    people: People, pair: InMemoryGateway
) -> None:
    del pair
    otto = await people.signed_in("otto", "auditor")
    root = await asked(otto, "action=get_appliances")
    rows = [(text(each, "name"), text(each, "failover_role")) for each in root]
    assert rows == [("alpha", "primary"), ("bravo", "backup"), ("tokyo", "none")]


async def test_a_post_of_a_form_is_the_same_command(people: People, pair: InMemoryGateway) -> None:
    del pair
    admin = await people.admin()
    answer = await admin.client.post(
        "/api/command",
        data={"action": "get_appliances"},
        headers={"Authorization": f"Bearer {admin.token}"},
    )
    assert len(fromstring(answer.content)) == 3


async def test_asking_for_the_other_role_hands_the_role_over(
    people: People, pair: InMemoryGateway
) -> None:
    admin = await people.admin()
    root = await asked(admin, "action=set_failover_role&role=backup&data_sync_first=1")

    (order,) = (each for each in pair.site.asked if isinstance(each, SwitchOver))
    assert (order.node, order.to, order.epoch, order.author) == (ALPHA, None, 3, "admin")
    assert root.tag == "success"
    assert "bravo is primary of epoch 4" in (root.text or "")


async def test_a_backup_that_is_asked_to_be_primary_is_named(
    people: People, pair: InMemoryGateway
) -> None:
    admin = await people.admin()
    pair.clock.at += 61
    send_heartbeat(pair, BRAVO, MasterRole.PRIMARY)
    assert text(await asked(admin, "action=check_health"), "failover_role") == "backup"

    await asked(admin, "action=set_failover_role&role=primary")

    (order,) = (each for each in pair.site.asked if isinstance(each, SwitchOver))
    assert (order.node, order.to) == (BRAVO, ALPHA)


async def test_the_role_that_it_has_already_changes_nothing(
    people: People, pair: InMemoryGateway
) -> None:
    admin = await people.admin()
    root = await asked(admin, "action=set_failover_role&role=primary&force=1")
    assert "already" in (root.text or "")
    assert not any(isinstance(each, SwitchOver) for each in pair.site.asked)


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("action=set_failover_role", "role is primary or backup"),
        ("action=set_failover_role&role=none", "role is primary or backup"),
        ("action=set_failover_role&role=backup&force=yes", "force is 0 or 1"),
        ("action=dance", "there is no action 'dance'"),
        ("", "there is no action None"),
    ],
)
async def test_what_cannot_be_is_one_sentence_in_xml(
    people: People, pair: InMemoryGateway, query: str, word: str
) -> None:
    admin = await people.admin()
    root = await asked(admin, query, 422)
    assert root.tag == "error"
    assert word in (root.text or "")
    assert not any(isinstance(each, SwitchOver) for each in pair.site.asked)


async def test_force_changes_nothing_where_the_other_master_can_follow(
    people: People, pair: InMemoryGateway
) -> None:
    root = await asked(await people.admin(), "action=set_failover_role&role=backup&force=1")
    assert "the role was changed" in (root.text or "")
    assert any(isinstance(each, SwitchOver) for each in pair.site.asked)


async def test_force_leaves_no_site_without_a_primary(
    people: People, pair: InMemoryGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise NotReady("bravo does not answer", reasons=("it does not answer",))

    monkeypatch.setattr(FailoverService, "switch_over", refuse)
    admin = await people.admin()
    plain = await asked(admin, "action=set_failover_role&role=backup", 409)
    assert plain.text == "bravo does not answer"
    forced = await asked(admin, "action=set_failover_role&role=backup&force=1", 409)
    assert (forced.text or "").startswith("bravo does not answer; force does not leave a site")
    del pair


async def test_an_auditor_reads_and_changes_no_role(people: People, pair: InMemoryGateway) -> None:
    del pair
    otto = await people.signed_in("otto", "auditor")
    root = await asked(otto, "action=set_failover_role&role=backup", 403)
    assert root.tag == "error"


async def test_a_stranger_is_asked_to_sign_in(people: People, pair: InMemoryGateway) -> None:
    del pair
    root = await asked(people.stranger, "action=check_health", 401)
    assert "sign in" in (root.text or "")


async def test_a_site_with_one_master_has_no_roles_to_change(
    people: People, fake: InMemoryGateway
) -> None:
    fake.site.write(Kind.NODE, "alpha", {"role": "master"})
    fake.site.revision += 1
    await fake.state.directory.read()
    send_heartbeat(fake, ALPHA, MasterRole.PRIMARY)
    admin = await people.admin()

    root = await asked(admin, "action=check_health")
    assert text(root, "failover_role") == "none"
    assert root.find("last_data_sync_time") is None
    refused = await asked(admin, "action=set_failover_role&role=backup", 422)
    assert "no second master" in (refused.text or "")


async def test_load_balancers_read_the_status_alone(people: People, pair: InMemoryGateway) -> None:
    client = people.client
    healthy = await client.get("/check_health")
    assert (healthy.status_code, healthy.text) == (200, "This appliance is healthy.\n")

    pair.state.health.set("sessions", ok=False, reason="the sessions' log is not read")
    assert (await client.get("/check_health")).status_code == 500
    pair.state.health.set("sessions", ok=True)
    pair.clock.at += 60
    sick = await client.get("/check_health")
    assert (sick.status_code, sick.text) == (500, "This appliance is not healthy.\n")


async def test_the_same_as_json(people: People, pair: InMemoryGateway) -> None:
    admin = await people.admin()
    health = (await admin.get("/appliance-health")).json()
    assert (health["success"], health["failover_role"]) == (True, "primary")
    names = [each["name"] for each in (await admin.get("/appliances")).json()]
    assert names == ["alpha", "bravo", "tokyo"]
    answer = await admin.call("PUT", "/failover/role", {"role": "backup"})
    assert "bravo is primary" in answer.json()["success"]
    assert any(isinstance(each, SwitchOver) for each in pair.site.asked)
