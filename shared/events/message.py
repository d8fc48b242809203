"""What every message on the broker is: a frozen pydantic model that knows its subject."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from shared.events.subject import Subject

Attribute = str | int | float | tuple[str, ...] | None
"""What an error may carry beside its sentence."""


class Message(BaseModel):
    """A fact, a request or a reply.

    Readers ignore fields that they do not know, so that nodes can be upgraded one at a time.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Message):
    """A fact; past participle or a reading, published and never answered."""

    subject: ClassVar[Subject]

    @property
    def address(self) -> str:
        return self.subject.address(**self.model_dump(include=set(self.subject.fields)))

    def is_addressed_to(self, subject: str) -> bool:
        """Whether *subject* names the same node, session and so on as this message does."""
        try:
            return self.address == subject
        except ValueError:  # a field that cannot stand in a subject
            return False


class Request(Event):
    """A question or an order; *reply* is what the answer is read as.

    An answer that is an `ErrorReply` instead is raised as the error that it names.
    """

    reply: ClassVar[type[Message]]


class ErrorReply(Message):
    """What a handler's `MeridianError` becomes for the one who asked."""

    error_code: str
    message: str
    attributes: dict[str, Attribute] = {}


class Done(Message):
    """The answer that has nothing to add."""
