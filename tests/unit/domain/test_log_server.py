"""What the log survives, from the states of its servers."""

import pytest

from shared.domain.ids import NodeId
from shared.domain.log_server import FAULTS, LogQuorum, LogServerState

WORKING, SILENT = LogServerState.WORKING, LogServerState.SILENT
NO_FURTHER = "the site survives no further loss of a log server"
NAMES = [NodeId(name) for name in ("alpha", "bravo", "witness", "x", "y")]


@pytest.mark.parametrize(
    ("servers", "out", "spare", "sentence"),
    [
        (3, 0, 1, "the log goes on without any one of its servers on alpha, bravo and witness"),
        (
            3,
            1,
            0,
            f"{NO_FURTHER} (bravo and witness): bring alpha back",
        ),
        (3, 2, -1, "the log has no quorum and accepts no change: bring alpha and bravo back"),
        (5, 0, 2, "the log goes on without any 2 of its servers on alpha, bravo, witness, x and y"),
        (1, 0, 0, f"{NO_FURTHER} (alpha)"),
        (1, 1, -1, "the log has no quorum and accepts no change: bring alpha back"),
    ],
)
def test_the_log_survives_the_loss_of_fewer_than_half_of_its_servers(
    servers: int, out: int, spare: int, sentence: str
) -> None:
    states = {
        name: SILENT if place < out else WORKING for place, name in enumerate(NAMES[:servers])
    }
    quorum = LogQuorum(states)
    assert (quorum.spare, quorum.survives_loss) == (spare, spare > 0)
    assert quorum.describe() == sentence


def test_nothing_is_reported_while_no_server_was_asked() -> None:
    assert LogQuorum({}).describe() == ""


def test_every_state_but_one_is_a_fault_that_has_a_sentence() -> None:
    assert FAULTS.keys() == set(LogServerState) - {WORKING}
