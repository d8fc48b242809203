"""Decides which events the history of the site's status holds, and writes a sentence for each.

The history holds every stored event except those about sessions, those that the log records better
(who changed which document) and those that metrics count (rejected messages). An event that changes
a state lasts until the next event about the same state.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from shared.decoding.fields import decode_mapping
from shared.domain.clock_offset import describe_offset
from shared.events import CATALOGUE

PREFIX: Final = "meridian.event."
EXCLUDED_PREFIXES: Final = ("meridian.event.session.", "meridian.event.security.")
EXCLUDED_SUBJECTS: Final = frozenset({"meridian.event.config.changed"})

SUBJECTS: Final = tuple(
    message.subject.template
    for message in CATALOGUE
    if message.subject.stored
    and message.subject.template.startswith(PREFIX)
    and not message.subject.template.startswith(EXCLUDED_PREFIXES)
    and message.subject.template not in EXCLUDED_SUBJECTS
)
"""The subjects of the events that are archived."""

CLUSTER_WIDE: Final = frozenset(
    {"failover.primary_changed", "failover.redirection_changed", "replication.mode_changed"}
)
"""The states that the whole site shares; every other state belongs to one node or webhook."""

NAMES: Final = ("node", "previous", "primary", "to")
LONGEST: Final = 2_048
"""Bytes of an event that is archived whole; a longer one is archived without its lists."""

SENTENCES: Final[Mapping[str, str]] = {
    "failover.primary_changed": "{node} is primary of epoch {epoch} after {previous}: {cause}",
    "failover.stepped_down": "{node} gave up the role of epoch {epoch}: {cause}",
    "failover.redirection_changed": "the site's address by {method}: {state}, was {before}",
    "failover.readiness_changed": "{node} {readiness}",
    "replication.mode_changed": "replication is {mode}, was {previous}: {cause}",
    "replication.state_changed": "the copy of {node} is {state}, was {previous}: {cause}",
    "replication.log_rebuilt": "the log goes on as generation {log_generation} from {node}'s copy",
    "replication.space_changed": "the log server of {node} has {room}: {used} of {limit} are used",
    "replication.conflict_kept": "{node} had {count} documents alone, kept as conflict {conflict}",
    "node.state_changed": "{node} is {state}, was {previous}: {cause}",
    "node.clock_changed": "the clock of {node} is {clock}",
    "service.ended_uncleanly": "{service} of {node} was started again after {unclean}",
    "webhook.state_changed": "webhook {webhook} is {state}, was {previous}: {cause}",
    "webhook.delivery_failed": "webhook {webhook} gave up an event: {cause}",
    "operation.ended": "{author}: {operation} {outcome}",
}


def state_key(fact: str, body: Mapping[str, Any]) -> str | None:
    """Name the state that an event changes; None for an event that changes none."""
    if fact in CLUSTER_WIDE:
        return fact
    if not fact.endswith("_changed"):
        return None
    return f"{fact} {body.get('node') or body.get('webhook') or ''}"


def nodes_of(speaker: str, body: Mapping[str, Any]) -> tuple[str, ...]:
    """List the nodes that an event names; its sender when it names none."""
    named = [body[name] for name in NAMES if isinstance(body.get(name), str)]
    listed = body.get("nodes")
    if isinstance(listed, list):
        named += [str(each) for each in cast("list[object]", listed)]
    return tuple(dict.fromkeys(each for each in named if each)) or (speaker,)


def sentence(fact: str, body: Mapping[str, Any]) -> str:
    """Write the event as a sentence; an event that this release does not know, as its fields."""
    words = SENTENCES.get(fact)
    if words is None:
        return _fields(body)
    try:
        text = words.format_map({**body, **_derived(body)})
    except (KeyError, IndexError, ValueError):
        return _fields(body)
    cause = body.get("cause")
    is_failing = fact == "failover.redirection_changed" and cause
    return f"{text}: {cause} ({body.get('code')})" if is_failing else text


def shortened(payload: bytes) -> dict[str, Any]:
    """Give an event's body, small enough to be archived.

    Raises:
        Undecodable: it is no JSON object.
    """
    found = decode_mapping(payload, "event")
    if len(payload) <= LONGEST:
        return found
    return {
        name: value[:LONGEST] if isinstance(value, str) else value
        for name, value in found.items()
        if not isinstance(value, list | dict)
    }


def _derived(body: Mapping[str, Any]) -> dict[str, str]:
    """Write the words that stand for several fields."""
    reasons = "; ".join(str(each) for each in body.get("reasons") or ())
    ready = "could take the role over" if body.get("could_take_over") else "could not take over"
    failed = f"failed, {body.get('cause')} ({body.get('code')})" if body.get("failed") else "done"
    used, limit = int(body.get("used_bytes") or 0), int(body.get("limit_bytes") or 0)
    return {
        "room": "little room left" if body.get("is_low") else "enough room again",
        "used": f"{used / 2**20:,.0f} MiB",
        "limit": f"{limit / 2**20:,.0f} MiB",
        "readiness": f"{ready}: {reasons}" if reasons else ready,
        "clock": _clock(body),
        "outcome": failed,
        "unclean": _unclean_ends(body),
        "previous": str(body.get("previous") or "nobody"),
    }


def _clock(body: Mapping[str, Any]) -> str:
    """Say how a node's clock is, as one of its services told the time."""
    offset = describe_offset(int(body.get("ahead_ms") or 0))
    return f"{offset}, as its {body.get('service')} told" if body.get("is_off") else "right again"


def _unclean_ends(body: Mapping[str, Any]) -> str:
    """Say how often a service ended uncleanly."""
    ends = body.get("restarts")
    loop = ": a crash loop" if body.get("crash_loop") else ""
    return ("an unclean end" if ends == 1 else f"{ends} unclean ends in a row") + loop


def _fields(body: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in body.items() if value not in ("", None))
