"""JSON text to a model that pydantic declares."""

from typing import Any, Protocol, TypeVar

from pydantic_core import ValidationError

from shared.decoding.errors import Undecodable
from shared.decoding.jsontext import MESSAGE, Bounds, decode_json

M = TypeVar("M", covariant=True)  # noqa: PLC0105 - the name is the thing


class Model(Protocol[M]):
    """A class of pydantic's; its package is not imported here, so that cores need not have it."""

    __name__: str

    def model_validate(self, obj: Any, /) -> M: ...


def decode_model(model: Model[M], data: bytes | str, bounds: Bounds = MESSAGE) -> M:
    """The instance of *model* that *data* says.

    Raises:
        Undecodable: it is no JSON, or of another shape; the sentence names the field.
    """
    value = decode_json(data, bounds)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise bad_shape(model.__name__, error) from error


def bad_shape(what: str, error: ValidationError) -> Undecodable:
    """The refusal that names the first field of *error*."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    message = f"{what}: {place or 'body'}: {first['msg']}"
    return Undecodable(message, reason="bad_shape", place=place)
