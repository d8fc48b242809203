"""Validates a document's body against the model of its kind, for writers and for readers."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from shared.documents.body import WRITING, DocumentBody
from shared.domain.errors import InvalidChange


def as_read(model: type[DocumentBody], body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored *body* as *model* reads it; unchanged where the model cannot read it."""
    try:
        return model.model_validate(body, extra="ignore").model_dump(mode="json")
    except ValidationError:
        return dict(body)


def is_read_as(model: type[DocumentBody], body: Mapping[str, Any], read: Mapping[str, Any]) -> bool:
    """Say whether *body* means the same as a stored document that was *read* as this."""
    try:
        return model.model_validate(body).model_dump(mode="json") == read
    except ValidationError:
        return False


def validate_body(model: type[DocumentBody], name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return *body* as *model* writes it, canonical and with defaults.

    *name* is the document's, for the error's message.

    Raises:
        InvalidChange: the body has another shape; `field` says where.
    """
    try:
        return model.model_validate(body, context=WRITING).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        raise InvalidChange(f"{name}: {field or 'document'}: {reason}", field=field) from error
