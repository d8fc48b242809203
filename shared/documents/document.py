"""What every document has in common: it is frozen, and whatever it holds can be stored."""

from typing import cast

from pydantic import BaseModel, ConfigDict, field_validator


class Document(BaseModel):
    """A frozen document; unknown fields are refused, so that a misspelt one is told.

    PostgreSQL stores no NUL in a text and JSON knows no infinity: a document with one is wrong
    from the start, not when the primary has begun to write it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _storable(cls, value: object) -> object:
        if _has_nul(value):
            raise ValueError("a text must not hold the character NUL")
        return value


def _has_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\0" in value
    return isinstance(value, tuple) and any(map(_has_nul, cast("tuple[object, ...]", value)))
