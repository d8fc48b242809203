"""What every document has in common: it is frozen, and whatever it holds can be stored.

A document is judged twice by the same model. Who *writes* one (see `shared.documents.shape`) has
every rule applied, so that nothing is stored that cannot work. Who *reads* one that is stored gets
it as it stands where only a rule of writing is broken: an earlier release may have written it, and
no service ends for that. What a rule makes of a value (its canonical form) is made either way.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo, field_validator

T = TypeVar("T")

WRITING: Final[Mapping[str, bool]] = {"writing": True}
"""The validation context of a document that is to be written."""


def is_writing(info: ValidationInfo) -> bool:
    """Whether the document under validation is to be written."""
    context: object = info.context
    return isinstance(context, dict) and bool(cast("dict[str, object]", context).get("writing"))


def written_as(canonical: Callable[[T], T]) -> AfterValidator:
    """A field in the form that *canonical* gives it; what it refuses is refused when written."""

    def judge(value: T, info: ValidationInfo) -> T:
        try:
            return canonical(value)
        except ValueError:
            if is_writing(info):
                raise
            return value

    return AfterValidator(judge)


class DocumentBody(BaseModel):
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
