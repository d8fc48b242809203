"""Every refusal of the gateway as a problem document (RFC 9457)."""

from typing import Final

from pydantic import ConfigDict, Field

from shared.api.model import ApiModel

MEDIA_TYPE: Final = "application/problem+json"
TYPES: Final = "urn:meridian:problem:"


class Problem(ApiModel):
    """A problem document (RFC 9457); more members depend on the code."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(json_schema_extra={"format": "uri"}, examples=[f"{TYPES}in_use"])
    title: str = Field(examples=["Conflict"])
    status: int = Field(examples=[409])
    detail: str = Field(description="One sentence for a person.")
    code: str = Field(description="Stable, for programs.", examples=["in_use"])
    field: str | None = Field(default=None, description="Where the request is wrong.")
    referrers: tuple[str, ...] | None = None
    retry_after_seconds: float | None = None
