"""Checks that a live message is answered at its sender's own inbox, and nowhere else.

The sender chooses the reply subject and the server checks no right on it. An answer to
`$JS.API.STREAM.DELETE.…` deletes a stream, one to a stream's own subject is stored there. So a
message that is not answered must carry no reply subject, and a request one that leads to its
sender: below its inbox prefix, or to `_R_`, by which the server stands in for an inbox in another
account (it refuses clients that name it).
Whether a message is stored is declared with its subject: JetStream delivers what it stored with a
reply subject of its own, and nobody answers there.
"""

from typing import Final

from shared.domain.errors import BadSignature
from shared.events.message import Event, Request
from shared.messaging.connection import inbox_of

OTHER_ACCOUNT: Final = "_R_."
SHOWN: Final = 100
"""Characters of a reply subject that a report repeats; whoever sent it chose them."""


def require_own_inbox(message: type[Event], sender: str, reply: str) -> None:
    """Let pass a live *message* of *sender* that is answered at *reply*, empty for nowhere.

    *sender* is the name in the signature. It need not be proven yet: the signature covers it.

    Raises:
        BadSignature: an answer would go to a place that is not its sender's.
    """
    if message.subject.stored or not reply:
        return
    own = (OTHER_ACCOUNT, f"{inbox_of(sender)}.")
    if not (issubclass(message, Request) and reply.startswith(own)):
        raise BadSignature(
            f"{message.__name__} asks for an answer at {reply[:SHOWN]!a}", reason="bad_reply"
        )
