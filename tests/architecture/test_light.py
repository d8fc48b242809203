"""Programs start fast: heavy modules are imported by the one who uses them, not by whoever may."""

import subprocess
import sys

import pytest

HEAVY = frozenset(
    {"asyncpg", "cryptography", "fastapi", "faststream", "httpx", "nats", "starlette"}
)
"""What no command waits for before it is known that the command needs it."""


def imported_by(statement: str) -> frozenset[str]:
    """The modules that *statement* leaves imported in a new interpreter."""
    script = f"{statement}; import sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    return frozenset(run.stdout.split())


@pytest.mark.parametrize("module", ["client", "channel", "cluster", "documents", "backups"])
def test_what_gateway_and_clients_share_needs_no_http_library(module: str) -> None:
    assert not imported_by(f"import shared.api.{module}") & HEAVY
