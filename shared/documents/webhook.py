"""A webhook: a receiver outside that is notified of what happens in the site."""

import re
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, Field, model_validator

from shared.documents.body import DocumentBody, written_as
from shared.documents.hosts import LONGEST_URL, web_address

PREFIX: Final = "meridian.event."
_WORD: Final = re.compile(r"[a-z0-9_-]+|\*")


def receiver(value: str) -> str:
    """Return *value* as the address of a receiver, in canonical form.

    Raises:
        ValueError: it is none; a name and password in it would be shown to every auditor.
    """
    url = web_address(value)
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("an address here has no user, password or fragment")
    return url


def pattern(value: str) -> str:
    """Check *value*, a pattern of events: words with dots, `*` for one, `>` at the end for more.

    Raises:
        ValueError: it is none.
    """
    *words, last = value.removeprefix(PREFIX).split(".")
    if not all(map(_WORD.fullmatch, words)) or (last != ">" and not _WORD.fullmatch(last)):
        raise ValueError(f"{value!r} is no pattern of events, like failover.> or *.changed")
    return value.removeprefix(PREFIX)


class WebhookDocument(DocumentBody):
    """A receiver at *url*, which gets the events that a pattern in *events* matches.

    An event that could not be delivered within *give_up_after_hours* of its happening is dropped.
    *since* begins at that time, and another *since* begins again there; without one it begins
    with what happens next. Another *secret_number* is another secret.
    """

    url: Annotated[str, Field(max_length=LONGEST_URL), written_as(receiver)]
    events: tuple[Annotated[str, AfterValidator(pattern)], ...] = Field(
        default=(">",), min_length=1
    )
    enabled: bool = True
    give_up_after_hours: int = Field(default=72, ge=1, le=168)
    since: AwareDatetime | None = None
    secret_number: int = Field(default=1, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _apart(self) -> Self:
        twice = sorted({each for each in self.events if self.events.count(each) > 1})
        if twice:
            raise ValueError(f"events names {twice[0]!r} twice")
        if ">" in self.events and len(self.events) > 1:
            raise ValueError("events: '>' is every event, so it stands alone")
        return self

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects that its patterns stand for."""
        return tuple(PREFIX + each for each in self.events)
