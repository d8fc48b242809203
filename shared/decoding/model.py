"""Decodes JSON text to a model that pydantic declares."""

from typing import Any, Literal, Protocol, Self, TypeVar

from pydantic_core import ValidationError

from shared.decoding.errors import Undecodable
from shared.decoding.jsontext import MESSAGE, Bounds, Json, decode_json


class Model(Protocol):
    """The members of pydantic's models that are used here; no core has to import pydantic."""

    @classmethod
    def model_validate(cls, obj: Any, *, extra: Literal["ignore"]) -> Self: ...


M = TypeVar("M", bound=Model)
T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Adapter(Protocol[T_co]):
    """The members of pydantic's adapters, which are for all other types."""

    def validate_python(self, obj: Any, /, *, extra: Literal["ignore"]) -> T_co: ...


def decode_model(model: type[M], data: bytes | str, bounds: Bounds = MESSAGE) -> M:
    """The instance of *model* that *data* says.

    Raises:
        Undecodable: it is no JSON, or of another shape; the sentence names the field.
    """
    return read_model(model, decode_json(data, bounds))


def read_model(model: type[M], value: Json) -> M:
    """The instance of *model* that the decoded *value* says; members that it lacks are passed by.

    Raises:
        Undecodable: it is of another shape; the sentence names the field.
    """
    try:
        return model.model_validate(value, extra="ignore")
    except ValidationError as error:
        raise _bad_shape(model.__name__, error) from error


def read_value(adapter: Adapter[T], value: Json) -> T:
    """The value of the adapter's type that the decoded *value* says.

    Raises:
        Undecodable: it is of another shape; the sentence names the field.
    """
    try:
        return adapter.validate_python(value, extra="ignore")
    except ValidationError as error:
        raise _bad_shape(error.title, error) from error


def _bad_shape(what: str, error: ValidationError) -> Undecodable:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    message = f"{what}: {place or 'body'}: {first['msg']}"
    return Undecodable(message, reason="bad_shape", place=place)
