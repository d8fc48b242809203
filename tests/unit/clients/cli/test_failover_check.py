"""What `meridian failover check` shows of each master."""

from clients.cli.failover import describe_faults

REFUSED = "the DNS server ns.example.com refuses to lead support.example.com here: REFUSED"


def test_a_master_that_is_well_has_no_faults() -> None:
    done = {"state": "done", "attempts": 0, "code": "", "cause": ""}

    assert describe_faults({"reasons": [], "redirection": done}) == []


def test_a_failing_redirection_comes_after_the_reasons_against_the_master() -> None:
    sentence = f"the site's address does not lead to it yet: {REFUSED} "
    failing = {"state": "failing", "attempts": 4, "code": "redirection_failed", "cause": REFUSED}

    assert describe_faults({"reasons": ["automatic failover is off"], "redirection": failing}) == [
        "automatic failover is off",
        sentence + "(redirection_failed, attempts so far: 4)",
    ]


def test_a_site_of_an_older_version_reports_nothing_of_redirection() -> None:
    assert describe_faults({"reasons": []}) == []
