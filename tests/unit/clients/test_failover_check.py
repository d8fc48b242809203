"""What `meridian failover check` tells of each master."""

from clients.cli.failover import faults

REFUSED = "the DNS server ns.example.com refuses to lead support.example.com here: REFUSED"


def test_a_master_that_is_well_has_no_faults() -> None:
    done = {"state": "done", "attempts": 0, "code": "", "cause": ""}

    assert faults({"reasons": [], "redirection": done}) == []


def test_a_redirection_that_fails_is_told_after_what_bars_the_master() -> None:
    told = f"the site's address does not lead to it yet: {REFUSED} "
    failing = {"state": "failing", "attempts": 4, "code": "redirection_failed", "cause": REFUSED}

    assert faults({"reasons": ["automatic failover is off"], "redirection": failing}) == [
        "automatic failover is off",
        told + "(redirection_failed, attempts so far: 4)",
    ]


def test_a_site_of_an_older_version_says_nothing_of_redirection() -> None:
    assert faults({"reasons": []}) == []
