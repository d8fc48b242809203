"""Makes and reads the session key: a nameplate for the site, and words that the site never sees.

A word is five letters that can be read aloud, consonants and vowels in turn. There are 65,536 of
them, so two carry 32 bits, and three guesses succeed once in 1.4 thousand million sessions.
"""

import re
import secrets
from typing import Final

from shared.domain.errors import BadSettings
from shared.domain.ids import SessionId

CONSONANTS: Final = "bdfghjklmnprstvz"
VOWELS: Final = "aiou"
WORDS: Final = 2
_NAMEPLATE: Final = re.compile(r"\d{4,12}")
_KEY: Final = re.compile(r"(\d{4,12})-([a-z]{3,12}-[a-z]{3,12})")


def draw_words() -> str:
    """Draw two new words, joined by a hyphen."""
    return "-".join(_word() for _ in range(WORDS))


def session_key(session: SessionId, words: str) -> str:
    return f"{session}-{words}"


def parse_key(text: str) -> tuple[SessionId, str]:
    """The nameplate and the words of a session key as people type it.

    Raises:
        BadSettings: it is no session key.
    """
    found = _KEY.fullmatch(text.strip().lower().replace(" ", "-"))
    if found is None:
        raise BadSettings(f"{text!r} is no session key; one looks like 4821739-lusab-rodim")
    return SessionId(found[1]), found[2]


def parse_key_or_nameplate(text: str) -> tuple[SessionId, str | None]:
    """A session key, or the nameplate alone of a session from a queue, which has no words.

    Raises:
        BadSettings: it is neither.
    """
    if _NAMEPLATE.fullmatch(text.strip()):
        return SessionId(text.strip()), None
    return parse_key(text)


def _word() -> str:
    return "".join(secrets.choice(alphabet) for alphabet in (*(CONSONANTS, VOWELS) * 2, CONSONANTS))
