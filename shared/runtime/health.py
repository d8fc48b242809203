"""The conditions of a service: which are in order, which are not, and what to warn of."""


class Health:
    """Named conditions; a service is ready when all of them hold."""

    def __init__(self) -> None:
        self._conditions: dict[str, str | None] = {}
        self._warnings: dict[str, str] = {}

    def set(self, name: str, *, ok: bool, reason: str = "") -> None:
        """Set condition *name*: it holds, or does not for *reason*."""
        self._conditions[name] = None if ok else (reason or "not yet")

    def reasons(self) -> list[str]:
        """List why the service is not ready; empty when it is."""
        return [
            f"{name}: {reason}" for name, reason in self._conditions.items() if reason is not None
        ]

    def warn(self, name: str, sentence: str | None) -> None:
        """Set or end warning *name*: something is wrong, and the service works all the same."""
        if sentence is None:
            self._warnings.pop(name, None)
        else:
            self._warnings[name] = sentence

    def warnings(self) -> list[str]:
        """List what is wrong and does not keep the service from being ready."""
        return [f"{name}: {sentence}" for name, sentence in self._warnings.items()]
