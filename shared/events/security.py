"""The messages and sign-ins that the cluster refused."""

from typing import ClassVar

from shared.domain.ids import NodeId
from shared.events.message import Event
from shared.events.subject import MASTERS_SERVICES, Subject


class MessageRejected(Event):
    """*count* messages that claimed to be from *sender* were dropped for *reason* in a minute."""

    subject: ClassVar = Subject(
        "meridian.event.security.message_rejected", speakers=MASTERS_SERVICES, stored=True
    )

    observer: NodeId
    sender: str
    reason: str
    count: int
    detail: str = ""


class SignInRefused(Event):
    """Somebody at *client_address* was not let in as *user*, for *cause*."""

    subject: ClassVar = Subject(
        "meridian.event.security.sign_in_refused", speakers=frozenset({"gateway"}), stored=True
    )

    user: str
    client_address: str
    cause: str
