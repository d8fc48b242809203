"""The base of every document's body: it is frozen, and all that it holds can be stored.

The same model validates a body when it is written and when it is read. A *writer* (see
`shared.documents.shape`) applies every rule, so that nothing is stored that cannot work. A *reader*
of a stored body accepts values that break only a rule of writing: an earlier release may have
written them, and no service ends for that. Values get their canonical form in both cases.
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo, field_validator

T = TypeVar("T")

WRITING: Final[Mapping[str, bool]] = {"writing": True}
"""The validation context of a body that is to be written."""


def is_writing(info: ValidationInfo) -> bool:
    """Say whether the body is validated to be written."""
    context: object = info.context
    return isinstance(context, dict) and bool(cast("dict[str, object]", context).get("writing"))


def written_as(canonical: Callable[[T], T]) -> AfterValidator:
    """Put a field into its *canonical* form; a value without one is refused only in writing."""

    def validate(value: T, info: ValidationInfo) -> T:
        try:
            return canonical(value)
        except ValueError:
            if is_writing(info):
                raise
            return value

    return AfterValidator(validate)


class DocumentBody(BaseModel):
    """A frozen body; unknown fields are refused, so that a misspelt one is noticed.

    PostgreSQL stores no NUL in a text and JSON knows no infinity: a body with one is refused at
    once, before the primary begins to write it.
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
