"""Every refusal of the gateway as a problem document (RFC 9457)."""

from typing import Final

from pydantic import BaseModel, ConfigDict

MEDIA_TYPE: Final = "application/problem+json"
TYPES: Final = "urn:meridian:problem:"


class Problem(BaseModel):
    """A refusal: *code* for programs, *detail* for people; what else the error knows is beside."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str = ""
    title: str = ""
    status: int = 500
    detail: str | None = None
    code: str = "error"
