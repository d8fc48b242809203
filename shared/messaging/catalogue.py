"""Looks up the message that a subject carries, and who may speak there."""

from functools import lru_cache

from shared.crypto.envelope import Identity
from shared.domain.errors import BadSignature
from shared.events import CATALOGUE
from shared.events.message import Event


@lru_cache(maxsize=4096)
def find_message(subject: str) -> type[Event] | None:
    """The message that travels on *subject*, or None for a subject that is not declared."""
    for message in CATALOGUE:
        if message.subject.parse(subject) is not None:
            return message
    return None


def require_speaker(message: type[Event], subject: str, identity: Identity) -> None:
    """Let *identity* speak on *subject*.

    Raises:
        BadSignature: its service may not, or the subject names another node.
    """
    if identity.service not in message.subject.speakers:
        raise BadSignature(f"{identity} may not speak on {subject}", reason="not_a_speaker")
    field = message.subject.sender_field
    if field is not None and (message.subject.parse(subject) or {}).get(field) != identity.node:
        raise BadSignature(f"{identity} speaks for another node", reason="another_node")


def require_answerer(message: type[Event], identity: Identity) -> None:
    """Let *identity* answer a request of this kind.

    Raises:
        BadSignature: its service may not.
    """
    if identity.service not in message.subject.answered_by:
        raise BadSignature(
            f"{identity} may not answer {message.__name__}", reason="not_an_answerer"
        )
