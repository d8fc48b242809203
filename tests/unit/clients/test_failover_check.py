"""What `meridian failover check` tells of each master."""

from clients.commands.failover import faults
from shared.api.failover import MasterCheck
from shared.domain.ids import NodeId
from shared.domain.redirection import RedirectionState, RedirectionStatus

ALPHA = NodeId("alpha")

REFUSED = "the DNS server ns.example.com refuses to lead support.example.com here: REFUSED"


def master(redirection: RedirectionStatus, *reasons: str) -> MasterCheck:
    return MasterCheck(node=ALPHA, answers=True, reasons=reasons, redirection=redirection)


def test_a_master_that_is_well_has_no_faults() -> None:
    assert faults(master(RedirectionStatus(RedirectionState.DONE))) == []


def test_a_redirection_that_fails_is_told_after_what_bars_the_master() -> None:
    told = f"the site's address does not lead to it yet: {REFUSED} "
    failing = RedirectionStatus(RedirectionState.FAILING, 4, "redirection_failed", REFUSED)

    assert faults(master(failing, "automatic failover is off")) == [
        "automatic failover is off",
        told + "(redirection_failed, attempts so far: 4)",
    ]


def test_a_site_of_an_older_version_says_nothing_of_redirection() -> None:
    check = MasterCheck.model_validate({"node": "alpha", "answers": True})
    assert faults(check) == []
