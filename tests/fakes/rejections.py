"""Where a test keeps what was refused."""

from shared.domain.errors import MeridianError
from shared.domain.ids import Instant
from shared.messaging.rejections import UNKNOWN, Rejections


class KeptRejections(Rejections):
    """Keeps the sentence of each refusal and who is said to have sent it, in order."""

    def __init__(self) -> None:
        super().__init__(lambda: Instant(0.0), lambda _: None, lambda _: None)
        self.kept: list[tuple[str, str]] = []

    def record(self, error: MeridianError, sender: str = UNKNOWN) -> None:
        super().record(error, sender)
        self.kept.append((error.message, sender))
