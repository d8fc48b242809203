"""The roots of the error tree that decoding needs; `shared.domain.errors` draws the whole tree."""

from typing import ClassVar


class MeridianError(Exception):
    """An error for an operator or a caller, with a stable *code* and one clear sentence."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, /, **attributes: object) -> None:
        super().__init__(message)
        self.message = message
        self.attributes = attributes


class Rejected(MeridianError):
    """The sender is wrong; trying again as it is never helps."""

    code = "rejected"


class Undecodable(Rejected):
    """The bytes or the text are not what they should be.

    *reason* is one of `REASONS`; *place* is where inside the value, as `changes.3.id`, empty for
    the whole.
    """

    code = "undecodable"

    @property
    def reason(self) -> str:
        return str(self.attributes.get("reason", self.code))

    @property
    def place(self) -> str:
        return str(self.attributes.get("place", ""))


REASONS = frozenset(
    {
        "bad_shape",
        "bad_syntax",
        "not_text",
        "number_out_of_range",
        "too_deep",
        "too_large",
        "too_many_items",
    }
)
"""Why something could not be decoded: words for counting."""
