"""What of the events belongs into the history of the site's status, and in which words.

Everything that the site says of itself does, but for what people do in sessions, for what the log
keeps better (who changed which document) and for what is counted elsewhere (refused messages).
An event that says that something is another way now *lasts* until the next one about the same.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from shared.decoding.fields import decode_mapping
from shared.events import CATALOGUE

PREFIX: Final = "meridian.event."
LEFT_OUT: Final = ("meridian.event.session.", "meridian.event.security.")
ALSO_LEFT_OUT: Final = frozenset({"meridian.event.config.changed"})

SUBJECTS: Final = tuple(
    message.subject.template
    for message in CATALOGUE
    if message.subject.stored
    and message.subject.template.startswith(PREFIX)
    and not message.subject.template.startswith(LEFT_OUT)
    and message.subject.template not in ALSO_LEFT_OUT
)
"""What is kept."""

CLUSTER_WIDE: Final = frozenset(
    {"failover.primary_changed", "failover.redirection_changed", "replication.mode_changed"}
)
"""What the whole site has one of; everything else that changes, each node has its own of."""

NAMES: Final = ("node", "previous", "primary", "to")
LONGEST: Final = 2_048
"""Bytes of an event that are kept whole; of a longer one the lists are left out."""

WORDS: Final[Mapping[str, str]] = {
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
    "service.ended_uncleanly": "{service} of {node} was started again after {unclean}",
    "webhook.state_changed": "webhook {webhook} is {state}, was {previous}: {cause}",
    "webhook.delivery_failed": "webhook {webhook} gave up an event: {cause}",
    "operation.ended": "{author}: {operation} {outcome}",
}


def about(fact: str, body: Mapping[str, Any]) -> str | None:
    """What is another way since this event; None for one that changes no state."""
    if fact in CLUSTER_WIDE:
        return fact
    if not fact.endswith("_changed"):
        return None
    return f"{fact} {body.get('node') or body.get('webhook') or ''}"


def concerned(speaker: str, body: Mapping[str, Any]) -> tuple[str, ...]:
    """The nodes that an event is about; who says it, when it names none."""
    named = [body[name] for name in NAMES if isinstance(body.get(name), str)]
    listed = body.get("nodes")
    if isinstance(listed, list):
        named += [str(each) for each in cast("list[object]", listed)]
    return tuple(dict.fromkeys(each for each in named if each)) or (speaker,)


def sentence(fact: str, body: Mapping[str, Any]) -> str:
    """The event for people; one of a later release as its fields."""
    words = WORDS.get(fact)
    if words is None:
        return _fields(body)
    try:
        told = words.format_map({**body, **_derived(body)})
    except (KeyError, IndexError, ValueError):
        return _fields(body)
    cause = body.get("cause")
    is_failing = fact == "failover.redirection_changed" and cause
    return f"{told}: {cause} ({body.get('code')})" if is_failing else told


def shortened(payload: bytes) -> dict[str, Any]:
    """An event's body, small enough to be kept.

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
    """Words that stand for several fields; who was nobody before is called so."""
    reasons = "; ".join(str(each) for each in body.get("reasons") or ())
    ready = "could take the role over" if body.get("could_take_over") else "could not take over"
    failed = f"failed, {body.get('cause')} ({body.get('code')})" if body.get("failed") else "done"
    used, limit = int(body.get("used_bytes") or 0), int(body.get("limit_bytes") or 0)
    return {
        "room": "little room left" if body.get("is_low") else "enough room again",
        "used": f"{used / 2**20:,.0f} MiB",
        "limit": f"{limit / 2**20:,.0f} MiB",
        "readiness": f"{ready}: {reasons}" if reasons else ready,
        "outcome": failed,
        "unclean": _unclean(body),
        "previous": str(body.get("previous") or "nobody"),
    }


def _unclean(body: Mapping[str, Any]) -> str:
    """How often a service ended uncleanly."""
    ends = body.get("restarts")
    loop = ": a crash loop" if body.get("crash_loop") else ""
    return ("an unclean end" if ends == 1 else f"{ends} unclean ends in a row") + loop


def _fields(body: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in body.items() if value not in ("", None))
