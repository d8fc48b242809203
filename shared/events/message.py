"""The base of every message on the broker: a frozen pydantic model that knows its subject."""

from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from shared.events.subject import Subject

Attribute = str | int | float | tuple[str, ...] | None
"""What an error may carry beside its sentence."""


class Message(BaseModel):
    """A fact, a request or a reply.

    Readers ignore fields that they do not know, so that nodes can be upgraded one at a time.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


Reply = TypeVar("Reply", bound=Message)


class Event(Message):
    """A fact; past participle or a reading, published and never answered."""

    subject: ClassVar[Subject]

    @property
    def address(self) -> str:
        return self.subject.address(**self.model_dump(include=set(self.subject.fields)))

    def is_addressed_to(self, subject: str) -> bool:
        """Say whether *subject* names the same node, session and so on as this message does."""
        try:
            return self.address == subject
        except ValueError:  # a field that cannot stand in a subject
            return False


class Request(Event, Generic[Reply]):
    """A question or an order, which names its reply type: `class SyncNow(Request[Done])`.

    An `ErrorReply` instead of that reply is raised as the error that it names.
    """

    reply: ClassVar[type[Message]]
    """The type in brackets, which a reply is decoded as."""

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        super().__pydantic_init_subclass__(**options)
        for base in cls.__mro__:
            arguments = getattr(base, "__pydantic_generic_metadata__", {}).get("args", ())
            if arguments:
                (cls.reply,) = arguments
                return
        name = cls.__name__
        raise TypeError(f"{name} names no reply type: declare it as {name}(Request[ItsReply])")


class ErrorReply(Message):
    """Carries a handler's `MeridianError` to the one who asked."""

    error_code: str
    message: str
    attributes: dict[str, Attribute] = {}


class Done(Message):
    """The answer that has nothing to add."""
