"""What of a service is in order, and what is not."""


class Health:
    """Named conditions; a service is ready when all of them hold."""

    def __init__(self) -> None:
        self._conditions: dict[str, str | None] = {}

    def set(self, name: str, *, ok: bool, reason: str = "") -> None:
        """*name* holds, or does not for *reason*."""
        self._conditions[name] = None if ok else (reason or "not yet")

    def reasons(self) -> list[str]:
        """Why the service is not ready; empty when it is."""
        return [
            f"{name}: {reason}" for name, reason in self._conditions.items() if reason is not None
        ]
