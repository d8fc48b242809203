"""The base of every model of the API, and pages of anything."""

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


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
