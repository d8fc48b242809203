"""The status that people are shown."""

from shared.documents import Kind
from shared.domain.ids import Instant, NodeId
from shared.domain.service import ServiceRestarts
from shared.events.node import NodeHeartbeat
from tests.unit.gateway.conftest import InMemoryGateway, People


async def test_the_status_says_which_services_ended_uncleanly(
    people: People, fake: InMemoryGateway
) -> None:
    for node in ("berlin", "tokyo"):
        fake.site.write(Kind.NODE, node, {"role": "traffic", "region": "x"})
    fake.site.revision += 1
    await fake.state.directory.read()
    lost = ServiceRestarts(service="replication", restarts=2, crash_loop=True, is_away=True)
    beat = NodeHeartbeat(
        node=NodeId("berlin"), service="relay", version="1", started_unix_ms=0, services=(lost,)
    )
    fake.state.observed.record_heartbeat(beat, Instant(fake.clock.now()))
    admin = await people.admin()

    nodes = {each["node"]: each for each in (await admin.get("/status")).json()["nodes"]}

    assert nodes["berlin"]["services"] == [
        {"service": "replication", "restarts": 2, "crash_loop": True, "is_away": True}
    ]
    assert nodes["tokyo"]["services"] == [], "nothing was heard of it"


async def test_anybody_may_read_the_nodes_public_keys(
    fake: InMemoryGateway, people: People
) -> None:
    key = "A" * 43 + "="
    fake.site.write(Kind.NODE, NodeId("berlin"), {"role": "traffic", "public_key": key})
    fake.site.write(Kind.NODE, NodeId("tokyo"), {"role": "traffic"})
    fake.site.revision += 1
    await fake.state.directory.read()

    answer = await people.stranger.get("/keys")

    assert answer.json() == {NodeId("berlin"): key}
