"""The node selector's composition root: what it listens to, and what it is ready for."""

from pathlib import Path

from services.node_selector.app import build_app
from services.node_selector.settings import NodeSelectorSettings
from shared.crypto import join
from shared.crypto.keyring import make_psk
from shared.domain.ids import NodeId
from shared.messaging.broker import is_guarded
from shared.runtime.clock import SystemClock
from shared.runtime.service import Service


def built(folder: Path) -> Service:
    key = join.prepare_node(folder)
    join.pin(folder, join.found_cluster(folder), {NodeId("alpha"): key})
    settings = NodeSelectorSettings.model_validate(
        {
            "node": "alpha",
            "state_dir": folder,
            "psk": make_psk(),
            "nats_servers": ("nats://127.0.0.1:9",),
        }
    )
    return build_app(settings, clock=SystemClock())


def test_every_replica_hears_heartbeats_and_shares_the_questions(tmp_path: Path) -> None:
    subscribed: set[tuple[str, str]] = {
        (str(each.subject.broker_address), str(each.queue))  # type: ignore[attr-defined]
        for each in built(tmp_path).context.bus.broker.subscribers
    }
    assert subscribed == {
        ("meridian.node.*.heartbeat", ""),
        ("meridian.node.alpha.node_selector.clock", ""),
        ("meridian.selection.select", "node_selector"),
        ("meridian.selection.explain", "node_selector"),
        ("meridian.selection.rehearse", "node_selector"),
    }


def test_a_replica_s_messages_are_signed(tmp_path: Path) -> None:
    assert is_guarded(built(tmp_path).context.bus.broker)


def test_a_replica_is_not_ready_before_it_has_read_the_directory(tmp_path: Path) -> None:
    assert built(tmp_path).context.telemetry.health.reasons() == ["directory: not read yet"]
