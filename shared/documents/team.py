"""A support team: the people who take customers from one queue."""

from typing import Self

from pydantic import Field, model_validator

from shared.documents.body import DocumentBody
from shared.documents.selection import SelectionOverride


class TeamDocument(DocumentBody):
    """A team and the users that belong to it; *managers* see its queue without being members.

    *selection* is the rule for the traffic node of its sessions; it precedes the public site's.
    """

    display_name: str = Field(default="", max_length=200)
    members: tuple[str, ...] = ()
    managers: tuple[str, ...] = ()
    selection: SelectionOverride = SelectionOverride()

    @model_validator(mode="after")
    def _once(self) -> Self:
        for field, names in (("members", self.members), ("managers", self.managers)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{field} names {twice[0]!r} twice")
        return self
