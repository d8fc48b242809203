"""Subject templates: a message's address, the subscription to all, and who may speak.

A template is `meridian.<area>.<id>.<fact>`; words in braces are fields of the message.
A value that could not stand in one token (dots, spaces, wildcards) is refused, so no value can
reach another subject.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_FIELD: Final = re.compile(r"\{([a-z_]+)\}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_\-]+")


@dataclass(frozen=True)
class Subject:
    """The address pattern of messages of one kind.

    *speakers* are the services that may send there, *answered_by* those that may reply.
    *sender_field* names the field that must be the sender's own node, if there is one.
    *stored* says that JetStream keeps the message, so that its age says nothing.
    *any_age* says that a live question is answered however old it is, and however often it comes:
    only for one that changes nothing and tells nothing that another answer would not.
    """

    template: str
    speakers: frozenset[str]
    answered_by: frozenset[str] = frozenset()
    sender_field: str | None = None
    stored: bool = False
    any_age: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(_FIELD.findall(self.template))

    @property
    def wildcard(self) -> str:
        """The subscription that receives every message of this kind."""
        return _FIELD.sub("*", self.template)

    def address(self, **values: object) -> str:
        """The subject of one message.

        Raises:
            ValueError: a value cannot stand in a token.
            KeyError: a field of the template was not given.
        """

        def token(match: re.Match[str]) -> str:
            value = str(values[match[1]])
            if not _TOKEN.fullmatch(value):
                raise ValueError(f"{value!r} cannot stand in a subject ({match[1]})")
            return value

        return _FIELD.sub(token, self.template)

    def parse(self, subject: str) -> Mapping[str, str] | None:
        """The fields that *subject* carries, or None when it is of another kind."""
        ours, theirs = self.template.split("."), subject.split(".")
        if len(ours) != len(theirs):
            return None
        found: dict[str, str] = {}
        for mine, other in zip(ours, theirs, strict=True):
            if mine.startswith("{"):
                found[mine[1:-1]] = other
            elif mine != other:
                return None
        return found


MASTERS_SERVICES: Final = frozenset(
    {"config", "replication", "failover_monitor", "node_selector", "gateway", "relay", "webhooks"}
)
"""Every service; a subject that names it is open to all of them."""
