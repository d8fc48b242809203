from pathlib import Path

import pytest

from services.relay.control.files import RelayFile
from services.relay.control.orders import NodeOrders
from services.relay.core.admission import Admission, ConnectionId, RelayState
from services.relay.core.effects import Effects, Refuse
from services.relay.core.pairing import PairingTable
from services.relay.handlers import OrderHandlers
from shared.domain.errors import StaleEpoch, StoreUnavailable
from shared.domain.ids import Epoch, Instant, NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.ticket import Ticket
from shared.events.message import Done
from shared.events.relay import CloseSession, DrainNode, UndrainNode

BERLIN, ONE = NodeId("berlin"), SessionId("1111111")


class Relay:
    """NodeOrders over a real core and file, with one connection that waits."""

    def __init__(self, folder: Path) -> None:
        self.admission = Admission(10, RelayState())
        self.pairings = PairingTable(self.admission)
        self.performed: list[Effects] = []
        self.file = RelayFile(folder)
        self.orders = NodeOrders(self.admission, self.pairings, self.performed.append, self.file)
        self.handlers = OrderHandlers(self.orders)
        ticket = Ticket(ONE, Side.CUSTOMER, BERLIN, PathGeneration(1), UnixMillis(10**13))
        self.pairings.arrivals.add(ConnectionId(1), "192.0.2.1", Instant(0))
        self.pairings.receive_hello(ConnectionId(1), ticket, Instant(0))

    @property
    def refused(self) -> list[str]:
        each = [effect for effects in self.performed for effect in effects]
        return [effect.refusal.code for effect in each if isinstance(effect, Refuse)]


async def test_an_order_is_done_performed_and_kept(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    assert await relay.handlers.on_drain(DrainNode(node=BERLIN, epoch=Epoch(2))) == Done()
    assert relay.refused == ["draining"]
    assert relay.file.load() == RelayState(draining=True, epoch=Epoch(2))
    await relay.handlers.on_undrain(UndrainNode(node=BERLIN, epoch=Epoch(2)))
    assert relay.file.load() == RelayState(draining=False, epoch=Epoch(2))


async def test_an_order_of_an_older_primary_is_neither_performed_nor_kept(tmp_path: Path) -> None:
    relay = Relay(tmp_path)
    await relay.handlers.on_undrain(UndrainNode(node=BERLIN, epoch=Epoch(2)))
    with pytest.raises(StaleEpoch):
        await relay.handlers.on_drain(DrainNode(node=BERLIN, epoch=Epoch(1)))
    assert relay.refused == []
    assert not relay.file.load().draining


async def test_a_closed_session_is_refused_and_kept_until_its_tickets_expired(
    tmp_path: Path,
) -> None:
    relay = Relay(tmp_path)
    order = CloseSession(node=BERLIN, session=ONE, until_unix_ms=500)
    assert await relay.handlers.on_close_session(order) == Done()
    assert relay.refused == ["closed"]
    assert relay.file.load().closed == {ONE: 500}
    await relay.orders.forget_expired(UnixMillis(499))
    assert relay.file.load().closed == {ONE: 500}
    await relay.orders.forget_expired(UnixMillis(500))
    assert relay.file.load().closed == {}


async def test_an_order_that_cannot_be_kept_is_asked_for_again(tmp_path: Path) -> None:
    relay = Relay(tmp_path / "absent")
    with pytest.raises(StoreUnavailable, match="was not kept"):
        await relay.handlers.on_drain(DrainNode(node=BERLIN, epoch=Epoch(2)))
    assert relay.admission.draining
