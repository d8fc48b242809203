"""What is kept of the site's events, about what, and in which words."""

import json

import pytest

from services.replication.core.status import (
    LONGEST,
    SUBJECTS,
    nodes_of,
    sentence,
    shortened,
    state_key,
)
from shared.decoding.errors import Undecodable
from shared.events import CATALOGUE
from shared.events.config import ConfigChanged
from shared.events.failover import PrimaryChanged
from shared.events.operation import OperationEnded
from shared.events.security import SignInRefused
from shared.events.session import SessionChanged


@pytest.mark.parametrize("event", [PrimaryChanged, OperationEnded])
def test_what_the_site_says_of_itself_is_kept(event: type[PrimaryChanged]) -> None:
    assert event.subject.template in SUBJECTS


@pytest.mark.parametrize("event", [SessionChanged, ConfigChanged, SignInRefused])
def test_what_is_kept_elsewhere_is_not(event: type[SessionChanged]) -> None:
    assert event.subject.template not in SUBJECTS


def test_only_stored_events_are_read() -> None:
    stored = {each.subject.template for each in CATALOGUE if each.subject.stored}
    assert set(SUBJECTS) <= stored


@pytest.mark.parametrize(
    ("fact", "body", "expected"),
    [
        ("failover.primary_changed", {"node": "bravo"}, "failover.primary_changed"),
        ("replication.mode_changed", {"mode": "degraded"}, "replication.mode_changed"),
        ("node.state_changed", {"node": "tokyo"}, "node.state_changed tokyo"),
        ("webhook.state_changed", {"webhook": "pager"}, "webhook.state_changed pager"),
        ("failover.stepped_down", {"node": "alpha"}, None),
        ("operation.ended", {"operation": "sync"}, None),
    ],
)
def test_a_state_lasts_until_the_next_one_about_the_same(
    fact: str, body: dict[str, str], expected: str | None
) -> None:
    assert state_key(fact, body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"node": "bravo", "previous": "alpha"}, ("bravo", "alpha")),
        ({"node": "bravo", "previous": None}, ("bravo",)),
        ({"nodes": ["berlin", "tokyo"]}, ("berlin", "tokyo")),
        ({"nodes": [], "author": "admin"}, ("alpha",)),
        ({"mode": "degraded"}, ("alpha",)),
    ],
)
def test_an_event_concerns_whom_it_names_or_who_says_it(
    body: dict[str, object], expected: tuple[str, ...]
) -> None:
    assert nodes_of("alpha", body) == expected


@pytest.mark.parametrize(
    ("fact", "body", "expected"),
    [
        (
            "service.ended_uncleanly",
            {"node": "berlin", "service": "relay", "pid": 7, "restarts": 1, "crash_loop": False},
            "relay of berlin was started again after an unclean end",
        ),
        (
            "service.ended_uncleanly",
            {"node": "berlin", "service": "relay", "pid": 7, "restarts": 3, "crash_loop": True},
            "relay of berlin was started again after 3 unclean ends in a row: a crash loop",
        ),
        (
            "failover.primary_changed",
            {"node": "bravo", "epoch": 4, "previous": "alpha", "cause": "its lease ran out"},
            "bravo is primary of epoch 4 after alpha: its lease ran out",
        ),
        (
            "failover.primary_changed",
            {"node": "alpha", "epoch": 1, "previous": None, "cause": "founding"},
            "alpha is primary of epoch 1 after nobody: founding",
        ),
        (
            "operation.ended",
            {"operation": "switchover", "author": "admin", "failed": False},
            "admin: switchover done",
        ),
        (
            "operation.ended",
            {"operation": "switchover", "author": "admin", "failed": True}
            | {"code": "not_ready", "cause": "bravo lags"},
            "admin: switchover failed, bravo lags (not_ready)",
        ),
        (
            "failover.redirection_changed",
            {"method": "dns", "before": "none", "state": "failing"}
            | {"code": "redirection_failed", "cause": "the server refused"},
            "the site's address by dns: failing, was none: the server refused (redirection_failed)",
        ),
        (
            "failover.readiness_changed",
            {"node": "bravo", "could_take_over": False, "reasons": ["it is in maintenance"]},
            "bravo could not take over: it is in maintenance",
        ),
        (
            "failover.readiness_changed",
            {"node": "bravo", "could_take_over": True, "reasons": []},
            "bravo could take the role over",
        ),
        (
            "replication.log_rebuilt",
            {"node": "alpha", "log_generation": 2, "author": "admin"},
            "the log goes on as generation 2 from alpha's copy",
        ),
        (
            "replication.space_changed",
            {"node": "bravo", "is_low": True, "used_bytes": 3 << 29, "limit_bytes": 1 << 31},
            "the log server of bravo has little room left: 1,536 MiB of 2,048 MiB are used",
        ),
        (
            "replication.space_changed",
            {"node": "bravo", "is_low": False, "used_bytes": 3 << 29, "limit_bytes": 1 << 32},
            "the log server of bravo has enough room again: 1,536 MiB of 4,096 MiB are used",
        ),
        (
            "replication.conflict_kept",
            {"node": "bravo", "count": 3, "conflict": "9f86d081884c"},
            "bravo had 3 documents alone, kept as conflict 9f86d081884c",
        ),
        ("later.release", {"node": "bravo", "why": "", "count": 3}, "node bravo, count 3"),
        ("failover.stepped_down", {"node": "bravo"}, "node bravo"),
    ],
)
def test_an_event_is_a_sentence(fact: str, body: dict[str, object], expected: str) -> None:
    assert sentence(fact, body) == expected


def test_a_long_event_is_kept_without_its_lists() -> None:
    body = {"node": "bravo", "many": ["x" * 100] * 100, "cause": "y" * (2 * LONGEST)}
    kept = shortened(json.dumps(body).encode())
    assert kept == {"node": "bravo", "cause": "y" * LONGEST}


@pytest.mark.parametrize("payload", [b"", b"[]", b"5", b"\xff"])
def test_what_is_no_object_is_no_event(payload: bytes) -> None:
    with pytest.raises(Undecodable, match=r".*"):
        shortened(payload)
