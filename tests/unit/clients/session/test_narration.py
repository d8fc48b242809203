import io
import json

import pytest

from clients.session.narration import LINES, build_narrator

FIELDS: dict[str, dict[str, object]] = {
    "joined": {"session": "4821739"},
    "waiting": {},
    "waiting_for_customer": {},
    "arrived": {"team": "desk", "public_site": "help", "session": "4821739"},
    "accepted": {"representative": "rita"},
    "listening": {"host": "127.0.0.1", "port": 2222},
    "paths": {"nodes": ["berlin", "tokyo"]},
    "secured": {},
    "compare": {"code": "4821 7390"},
    "compared": {},
    "words_differ": {"attempt": 1, "of": 3},
    "connected": {"node": "berlin", "generation": 1, "seconds": 0.0},
    "path_lost": {"node": "berlin", "generation": 1},
    "path_failed": {
        "node": "berlin",
        "address": "berlin (192.0.2.7:7443)",
        "generation": 1,
        "reason": "refused [here]",
    },
    "path_events_left_out": {"count": 14},
    "other_side_lost": {"wait_seconds": 30.0},
    "waited_in_vain": {"reason": "the other side did not come back within 30 s"},
    "resumed": {"node": "tokyo", "generation": 2, "seconds": 0.25},
    "stream_opened": {"stream": 1},
    "stream_broken": {"stream": 1, "reason": "refused [here]"},
    "streams_refused": {"count": 3, "limit": 256},
    "streams_refused_now": {"count": 1},
    "secret_unknown": {},
    "refused": {"message": "later"},
    "closed": {"code": "closed", "message": "enough", "by_peer": True},
}


def test_every_event_has_a_line_for_people() -> None:
    assert set(FIELDS) == set(LINES)


@pytest.mark.parametrize("event", FIELDS)
def test_a_program_gets_one_object_a_line(event: str) -> None:
    target = io.StringIO()
    build_narrator(target, as_json=True)(event, **FIELDS[event])
    assert json.loads(target.getvalue()) == {"event": event, **FIELDS[event]}
    assert target.getvalue().count("\n") == 1


@pytest.mark.parametrize("event", FIELDS)
def test_people_get_one_plain_line_where_there_is_no_terminal(event: str) -> None:
    target = io.StringIO()
    build_narrator(target, as_json=False)(event, **FIELDS[event])
    line = target.getvalue()
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert "{" not in line


def test_text_from_outside_is_printed_without_markup() -> None:
    target = io.StringIO()
    build_narrator(target, as_json=False)("stream_broken", stream=1, reason="no [red]colour[/red]")
    assert target.getvalue() == "connection 1 broke: no [red]colour[/red]\n"


def test_a_resume_shows_its_duration() -> None:
    target = io.StringIO()
    build_narrator(target, as_json=False)("resumed", node="tokyo", seconds=0.2504)
    assert target.getvalue() == "resumed through tokyo after 0.250 s\n"
