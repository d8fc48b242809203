"""The base of every model of the API, and pages of anything."""

from typing import Annotated, Final, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.domain.ids import NodeId, SessionId, parse_node_id, parse_session_id

T = TypeVar("T")

LONGEST_NAME: Final = 200


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("a NUL character stands in no name")
    return text


Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_without_nul)]
"""The name of a document, a person or a conflict: any text that a database can store."""

NodeName = Annotated[NodeId, AfterValidator(parse_node_id)]
Nameplate = Annotated[SessionId, AfterValidator(parse_session_id)]
"""Ids that stand in subjects: anything else names nothing, and is refused where it comes in."""


class ApiModel(BaseModel):
    """A request, an answer, or a part of one.

    Clients ignore members that they do not know, so that a site may be newer than they are.
    """

    model_config = ConfigDict(frozen=True)


class Page(ApiModel, Generic[T]):
    """One page of *items*; *next* is the path of the following one, None after the last."""

    items: tuple[T, ...]
    next: str | None = None


class Parameters(ApiModel):
    """The parameters of an address."""

    def as_texts(self) -> dict[str, str]:
        """Return the parameters that differ from their defaults, as text."""
        members = self.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
        return {name: str(value) for name, value in members.items()}
