"""A public site: a name under which customers arrive, and what they find there."""

from collections.abc import Mapping
from typing import Annotated, Any, Self, cast

from pydantic import Field, model_validator

from shared.documents.body import DocumentBody, written_as
from shared.documents.hosts import host_name
from shared.documents.selection import SelectionOverride

Hostname = Annotated[str, written_as(host_name)]


class PublicSiteDocument(DocumentBody):
    """A place where customers arrive, under *hostnames*, to wait for one of *teams*.

    *selection* is the rule for the traffic node of its sessions; it precedes the site's.
    A body may say `selection_method: X`, as bodies did once: it is `selection: {methods: [X]}`.
    """

    display_name: str = Field(default="", max_length=200)
    hostnames: tuple[Hostname, ...] = Field(min_length=1)
    teams: tuple[str, ...] = ()
    selection: SelectionOverride = SelectionOverride()

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, body: Any) -> Any:
        if not isinstance(body, Mapping):
            return body
        fields = dict(cast("Mapping[str, Any]", body))
        method = fields.pop("selection_method", None)
        if method is None:
            return fields
        if fields.get("selection"):
            raise ValueError("say selection or selection_method, not both")
        return {**fields, "selection": {"methods": (method,)}}

    @model_validator(mode="after")
    def _once(self) -> Self:
        for field, names in (("hostnames", self.hostnames), ("teams", self.teams)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{field} names {twice[0]!r} twice")
        return self
