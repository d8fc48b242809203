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
        if any("\0" in text for text in _texts(value)):
            raise ValueError("a text must not hold the character NUL")
        return value


def _texts(value: object) -> list[str]:
    parts = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
    return [part for part in parts if isinstance(part, str)]
