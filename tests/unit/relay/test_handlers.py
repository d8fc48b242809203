from pathlib import Path

import pytest

from services.relay.core.admission import Admission, GuestId, Remembered
from services.relay.core.reception import Effects, Reception, Refuse
from services.relay.handlers import Orders
from services.relay.store import RelayFile
from shared.domain.errors import StaleEpoch, StoreUnavailable
from shared.domain.ids import Epoch, Instant, NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.ticket import Ticket
from shared.events.message import Done
from shared.events.relay import CloseSession, DrainNode, UndrainNode

BERLIN, ONE = NodeId("berlin"), SessionId("1111111")


class Desk:
    """Orders over a real core and file, with one guest that waits."""

    def __init__(self, folder: Path) -> None:
        self.admission = Admission(10, Remembered())
        self.reception = Reception(self.admission)
        self.performed: list[Effects] = []
        self.file = RelayFile(folder)
        self.orders = Orders(self.admission, self.reception, self.performed.append, self.file)
        ticket = Ticket(ONE, Side.CUSTOMER, BERLIN, PathGeneration(1), UnixMillis(10**13))
        self.reception.arrived(GuestId(1), Instant(0))
        self.reception.said_hello(GuestId(1), ticket, Instant(0))

    @property
    def sent_away(self) -> list[str]:
        each = [effect for effects in self.performed for effect in effects]
        return [effect.refusal.code for effect in each if isinstance(effect, Refuse)]


async def test_an_order_is_done_performed_and_kept(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert await desk.orders.on_drain(DrainNode(node=BERLIN, epoch=Epoch(2))) == Done()
    assert desk.sent_away == ["draining"]
    assert desk.file.load() == Remembered(draining=True, epoch=Epoch(2))
    await desk.orders.on_undrain(UndrainNode(node=BERLIN, epoch=Epoch(2)))
    assert desk.file.load() == Remembered(draining=False, epoch=Epoch(2))


async def test_an_order_of_an_older_primary_is_neither_performed_nor_kept(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.orders.on_undrain(UndrainNode(node=BERLIN, epoch=Epoch(2)))
    with pytest.raises(StaleEpoch):
        await desk.orders.on_drain(DrainNode(node=BERLIN, epoch=Epoch(1)))
    assert desk.sent_away == []
    assert not desk.file.load().draining


async def test_a_closed_session_is_sent_away_and_kept_until_its_tickets_expired(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    order = CloseSession(node=BERLIN, session=ONE, until_unix_ms=500)
    assert await desk.orders.on_close_session(order) == Done()
    assert desk.sent_away == ["closed"]
    assert desk.file.load().closed == {ONE: 500}
    await desk.orders.forget_expired(UnixMillis(499))
    assert desk.file.load().closed == {ONE: 500}
    await desk.orders.forget_expired(UnixMillis(500))
    assert desk.file.load().closed == {}


async def test_an_order_that_cannot_be_kept_is_asked_for_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "absent")
    with pytest.raises(StoreUnavailable, match="was not kept"):
        await desk.orders.on_drain(DrainNode(node=BERLIN, epoch=Epoch(2)))
    assert desk.admission.draining
