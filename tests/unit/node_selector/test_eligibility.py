import pytest

from services.node_selector.core.eligibility import Candidate, refusal_reason
from shared.domain.liveness import Liveness
from shared.domain.node import NodeRole
from tests.unit.node_selector.examples import VERSION, candidate, master, status


def test_a_healthy_traffic_node_may_take_a_client() -> None:
    assert refusal_reason(candidate("berlin"), VERSION) is None


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (master("alpha"), "a master, not a traffic node"),
        (candidate("w", role=NodeRole.WITNESS), "a witness, not a traffic node"),
        (candidate("b", accepting_new_clients=False), "not accepting new clients"),
        (candidate("b", public_address=None), "no public address"),
        (candidate("b", status=None), "no heartbeat yet"),
        (candidate("b", status=status(Liveness.SUSPECT)), "suspect: silent for 2.0 s"),
        (candidate("b", status=status(Liveness.DEAD)), "dead: silent for 2.0 s"),
        (candidate("b", status=status(draining=True)), "draining"),
        (candidate("b", capacity=7, status=status(sessions=7)), "full: 7 of 7 sessions"),
        (candidate("b", status=status(version="2.0.0")), "version 2.0.0 does not go with 1.2.0"),
    ],
)
def test_a_node_that_may_not_take_a_client_has_one_reason(node: Candidate, reason: str) -> None:
    assert refusal_reason(node, VERSION) == reason


def test_one_session_less_than_full_is_not_full() -> None:
    assert refusal_reason(candidate("b", capacity=7, status=status(sessions=6)), VERSION) is None
