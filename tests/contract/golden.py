"""The golden messages: one file for each message and version, kept for ever."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.events import CATALOGUE

FOLDER = Path(__file__).parent / "golden"
BY_NAME = {message.__name__: message for message in CATALOGUE}


@dataclass(frozen=True)
class Golden:
    """One message as a node of that version sent it."""

    message: str
    version: int
    subject: str
    payload: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.message}.v{self.version}"


def read(path: Path) -> Golden:
    message, version, _ = path.name.split(".")
    content = json.loads(path.read_text())
    return Golden(message, int(version.removeprefix("v")), content["subject"], content["payload"])


ALL = tuple(read(path) for path in sorted(FOLDER.glob("*.json")))


def latest(message: str) -> Golden | None:
    """The newest version of *message*; None when it has no file."""
    versions = [golden for golden in ALL if golden.message == message]
    return max(versions, key=lambda golden: golden.version, default=None)
