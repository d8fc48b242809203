import pytest

from services.relay.core.admission import Admission, RelayState, capacity_of
from shared.documents.node import NodeDocument
from shared.documents.selection import Selection
from shared.documents.site import SiteDocument
from shared.domain.errors import StaleEpoch
from shared.domain.ids import Epoch, SessionId, UnixMillis
from shared.domain.node import NodeRole
from shared.wire.relay import RefusalCode

ONE, TWO = SessionId("1111111"), SessionId("2222222")


def admission(capacity: int = 2) -> Admission:
    return Admission(capacity, RelayState())


def code(admission: Admission, session: SessionId = ONE, other_pairs: int = 0) -> str | None:
    refusal = admission.refusal(session, other_pairs)
    return refusal.code if refusal else None


def test_a_new_relay_admits_everybody_up_to_its_capacity() -> None:
    assert code(admission(2), other_pairs=1) is None
    assert code(admission(2), other_pairs=2) == RefusalCode.FULL


def test_a_refusal_for_now_says_when_to_dial_again() -> None:
    full = admission(1).refusal(ONE, 1)
    assert full is not None
    assert full.retry_after_seconds == 5
    assert full.message == "this node carries 1 of 1 sessions"
    relay = admission()
    relay.order_drain(Epoch(1), draining=True)
    draining = relay.refusal(ONE, 0)
    assert draining is not None
    assert draining.retry_after_seconds == 30


def test_a_draining_relay_admits_nobody_until_it_is_ordered_to() -> None:
    relay = admission()
    relay.order_drain(Epoch(1), draining=True)
    assert code(relay) == RefusalCode.DRAINING
    relay.order_drain(Epoch(1), draining=False)
    assert not relay.draining
    assert code(relay) is None


def test_an_order_of_an_older_primary_is_refused_and_changes_nothing() -> None:
    relay = admission()
    relay.order_drain(Epoch(5), draining=True)
    with pytest.raises(StaleEpoch, match="epoch 4, this node has obeyed epoch 5"):
        relay.order_drain(Epoch(4), draining=False)
    assert relay.draining


def test_the_largest_epoch_is_remembered_across_restarts() -> None:
    before = admission()
    before.order_drain(Epoch(5), draining=True)
    after = Admission(2, before.state())
    assert after.draining
    with pytest.raises(StaleEpoch):
        after.order_drain(Epoch(4), draining=False)


def test_a_closed_session_is_refused_until_its_tickets_have_expired() -> None:
    relay = admission()
    relay.close(ONE, UnixMillis(1_000))
    assert code(relay) == RefusalCode.CLOSED
    assert code(relay, TWO) is None
    assert not relay.forget_expired(UnixMillis(999))
    assert code(relay) == RefusalCode.CLOSED
    assert relay.forget_expired(UnixMillis(1_000))
    assert code(relay) is None
    assert not relay.forget_expired(UnixMillis(1_001))


def test_closing_again_never_shortens_the_refusal() -> None:
    relay = admission()
    relay.close(ONE, UnixMillis(1_000))
    relay.close(ONE, UnixMillis(500))
    relay.forget_expired(UnixMillis(999))
    assert code(relay) == RefusalCode.CLOSED


def test_a_closed_session_stays_closed_across_restarts() -> None:
    before = admission()
    before.close(ONE, UnixMillis(1_000))
    assert code(Admission(2, before.state())) == RefusalCode.CLOSED


def test_closed_is_reported_before_draining_and_full() -> None:
    relay = admission(0)
    relay.order_drain(Epoch(1), draining=True)
    relay.close(ONE, UnixMillis(1))
    assert code(relay) == RefusalCode.CLOSED
    assert code(relay, TWO) == RefusalCode.DRAINING


def test_a_traffic_node_carries_its_capacity_and_a_master_the_site_s_fallback() -> None:
    traffic = NodeDocument(role=NodeRole.TRAFFIC, capacity=50)
    master = NodeDocument(role=NodeRole.MASTER, capacity=50)
    site = SiteDocument(name="s", selection=Selection(maximum_client_fallback_to_primary=3))
    assert capacity_of(traffic, site) == 50
    assert capacity_of(master, site) == 3
    assert capacity_of(master, None) == 10
