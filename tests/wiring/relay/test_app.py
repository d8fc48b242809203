"""The relay's composition root: what it listens to, what runs beside it, what it starts without."""

import asyncio
from pathlib import Path

import pytest
from faststream.nats import TestNatsBroker

from services.relay.app import Relay, build_app, build_relay
from services.relay.settings import RelaySettings
from shared.crypto import join
from shared.crypto.keyring import make_psk
from shared.domain.errors import BadSettings
from shared.domain.ids import Epoch, NodeId
from shared.domain.source import Networks
from shared.events.relay import DrainNode
from shared.messaging.broker import is_guarded
from shared.runtime.clock import SystemClock
from shared.runtime.context import build_context
from shared.runtime.service import Service

BERLIN = NodeId("berlin")


def settings(folder: Path, node: str = "berlin") -> RelaySettings:
    keys = {name: join.prepare_node(folder / name) for name in ("alpha", "berlin")}
    cluster_id = join.found_cluster(folder / "alpha")
    for name in keys:
        join.pin(folder / name, cluster_id, {NodeId("alpha"): keys["alpha"]})
    return RelaySettings.model_validate(
        {
            "node": node,
            "state_dir": folder / node,
            "psk": make_psk(),
            "nats_servers": ("nats://127.0.0.1:9",),
        }
    )


def built(folder: Path, node: str = "berlin") -> Service:
    return build_app(settings(folder, node), clock=SystemClock())


def relay_of(folder: Path, node: str) -> Relay:
    context = build_context(settings(folder, node), "relay", SystemClock())
    return build_relay(context, Networks(), is_master=node in context.keys.trust.masters)


def test_a_relay_listens_to_the_orders_for_its_own_node_only(tmp_path: Path) -> None:
    subjects: set[str] = {
        str(each.subject.broker_address)  # type: ignore[attr-defined]
        for each in built(tmp_path).context.bus.broker.subscribers
    }
    assert subjects == {
        "meridian.relay.berlin.drain",
        "meridian.relay.berlin.undrain",
        "meridian.relay.berlin.close_session",
        "meridian.node.berlin.relay.clock",
    }


def test_a_relay_s_messages_are_signed(tmp_path: Path) -> None:
    assert is_guarded(built(tmp_path).context.bus.broker)


def test_only_a_master_s_relay_asks_for_the_directory(tmp_path: Path) -> None:
    traffic, master = built(tmp_path / "a"), built(tmp_path / "b", "alpha")
    assert set(master.workers) - set(traffic.workers) == {"directory"}


def test_a_master_s_relay_begins_with_the_fallback_s_capacity(tmp_path: Path) -> None:
    assert relay_of(tmp_path / "a", "alpha").admission.capacity == 10
    assert relay_of(tmp_path / "b", "berlin").admission.capacity == 1_000


def test_a_damaged_file_of_closed_sessions_stops_the_start(tmp_path: Path) -> None:
    ready = settings(tmp_path)
    (ready.state_dir / "relay.json").write_text("{")
    with pytest.raises(BadSettings, match=r"relay\.json cannot be read"):
        build_app(ready, clock=SystemClock())


async def test_an_order_signed_by_a_relay_is_no_order(tmp_path: Path) -> None:
    service = built(tmp_path)
    async with TestNatsBroker(service.context.bus.broker):
        await service.context.bus.publisher.publish(DrainNode(node=BERLIN, epoch=Epoch(1)))
        await asyncio.sleep(0)
    rejected = service.context.telemetry.registry.get_sample_value(
        "meridian_messages_rejected_total", {"reason": "not_a_speaker"}
    )
    assert rejected == 1
    assert not (service.context.settings.state_dir / "relay.json").exists()
