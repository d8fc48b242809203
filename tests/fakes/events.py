"""Where a test keeps what would be told to tools outside."""

from dataclasses import dataclass, field

from shared.events.message import Event


@dataclass
class KeptFacts:
    """Keeps what is told, in order."""

    kept: list[Event] = field(default_factory=list[Event])

    def emit(self, event: Event) -> None:
        self.kept.append(event)
