"""What every document has in common."""

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A frozen document; unknown fields are refused, so that a misspelt one is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")
