"""Which ends of a session are good ones, at either end."""

from dataclasses import replace

import pytest

from clients.session.ending import SessionEnding
from clients.tunnel.effects import EndCode, Ended
from shared.domain.errors import Rejected
from shared.domain.ids import SessionId
from shared.domain.node import Side
from shared.domain.session import CloseReason

SESSION = SessionId("4821739")
CUSTOMER, REPRESENTATIVE = Side.CUSTOMER, Side.REPRESENTATIVE
BY_SITE = [reason for reason in CloseReason if reason is not CloseReason.CLOSED_BY_ENDPOINT]


def ending(
    side: Side,
    *,
    streams: int = 1,
    by_peer: bool = False,
    reason: CloseReason | None = None,
    code: EndCode = EndCode.CLOSED,
) -> SessionEnding:
    return SessionEnding(
        session=SESSION,
        side=side,
        ended=Ended(code, "why", by_peer=by_peer),
        was_secured=True,
        open_streams=streams,
        was_closed=reason is not None,
        reason=reason,
    )


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("reason", BY_SITE)
@pytest.mark.parametrize("by_peer", [True, False])
def test_a_session_that_its_lifetime_or_the_site_ends_in_mid_transfer_is_an_error(
    side: Side, reason: CloseReason, by_peer: bool
) -> None:
    fault = ending(side, reason=reason, by_peer=by_peer).find_fault()
    assert fault is not None
    assert fault.message == "session 4821739 ended while 1 connection was open: why"
    many = ending(side, reason=reason, streams=3).find_fault()
    assert many is not None
    assert "while 3 connections were open" in many.message


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("reason", [None, *CloseReason])
@pytest.mark.parametrize("by_peer", [True, False])
def test_an_end_that_cuts_nothing_off_is_a_good_one(
    side: Side, reason: CloseReason | None, by_peer: bool
) -> None:
    assert ending(side, streams=0, reason=reason, by_peer=by_peer).find_fault() is None


@pytest.mark.parametrize("side", Side)
def test_whoever_ends_the_session_wants_that(side: Side) -> None:
    assert ending(side).find_fault() is None


@pytest.mark.parametrize(
    ("by_peer", "reason"),
    [(True, None), (True, CloseReason.CLOSED_BY_ENDPOINT), (False, CloseReason.CLOSED_BY_ENDPOINT)],
)
def test_the_customer_cuts_the_representative_off_and_not_the_other_way_round(
    by_peer: bool, reason: CloseReason | None
) -> None:
    assert ending(REPRESENTATIVE, by_peer=by_peer, reason=reason).find_fault() is not None
    assert ending(CUSTOMER, by_peer=by_peer, reason=reason).find_fault() is None


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("code", [code for code in EndCode if code is not EndCode.CLOSED])
def test_whatever_else_ends_a_session_is_an_error_with_its_code(side: Side, code: EndCode) -> None:
    fault = ending(side, streams=0, code=code).find_fault()
    assert fault is not None
    assert isinstance(fault, Rejected)
    assert (fault.attributes["code"], fault.message) == (code.value, "why")


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("reason", [None, CloseReason.EXPIRED])
def test_a_session_that_is_over_before_the_ends_met_is_an_error(
    side: Side, reason: CloseReason | None
) -> None:
    early = replace(ending(side, streams=0, reason=reason), was_secured=False, was_closed=True)
    fault = early.find_fault()
    assert fault is not None
    assert fault.message == "session 4821739 is over: why"
