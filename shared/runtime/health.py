"""The conditions of a service: which are in order, and which are not."""


class Health:
    """Named conditions; a service is ready when all of them hold."""

    def __init__(self) -> None:
        self._conditions: dict[str, str | None] = {}

    def set(self, name: str, *, ok: bool, reason: str = "") -> None:
        """Set condition *name*: it holds, or does not for *reason*."""
        self._conditions[name] = None if ok else (reason or "not yet")

    def reasons(self) -> list[str]:
        """List why the service is not ready; empty when it is."""
        return [
            f"{name}: {reason}" for name, reason in self._conditions.items() if reason is not None
        ]
