"""A path that cannot be dialled is a failed path with a reason, whatever is wrong with it."""

import asyncio
import errno
import socket
from dataclasses import dataclass, field

import pytest

from clients.endpoint.dialling import (
    STEADY_SECONDS,
    TRIES_BESIDE_A_PATH,
    Dialler,
    DialOutcome,
    RelayLink,
)
from clients.endpoint.probing import RelayTarget, measure_latencies
from clients.tunnel.effects import LinkId
from shared.domain.backoff import Backoff
from shared.domain.ids import NodeId, PathGeneration
from shared.domain.path import Path

UNDIALLABLE = [
    ("relay..example.com", 9000, "its address is no host name"),
    ("a" * 64 + ".example.com", 9000, "its address is no host name"),
    ("\u202erelay.example.com", 9000, "its address is no host name"),
    (".", 9000, "its address is no host name"),
    ("127.0.0.1", 80_800, "OverflowError"),
    ("relay\0.example.com", 9000, "ValueError"),
]


class Nobody:
    """Owns a link that never comes up."""

    def on_waiting(self, link: RelayLink) -> None: ...

    def on_ready(self, link: RelayLink, leftover: bytes) -> None: ...

    def on_bytes(self, link: RelayLink, data: bytes) -> None: ...

    def on_blocked(self, link: RelayLink, *, blocked: bool) -> None: ...

    def on_lost(self, link: RelayLink) -> None: ...


@dataclass
class Dialled:
    """One path, dialled beside another one that carries."""

    path: Path
    reasons: list[str] = field(default_factory=list[str])

    def dialler(self) -> Dialler:
        return Dialler(lambda: self.path, self.link, self.failed, lambda: False)

    def link(self, path: Path) -> RelayLink:
        return RelayLink(LinkId(1), path, Nobody())

    def failed(self, _path: Path, reason: str) -> None:
        self.reasons.append(reason)


@pytest.mark.parametrize(("host", "port", "reason"), UNDIALLABLE)
async def test_an_address_that_cannot_be_dialled_is_a_failed_path_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, host: str, port: int, reason: str
) -> None:
    monkeypatch.setattr("clients.endpoint.dialling.REDIALLING", Backoff.constant(1e-9))
    dialled = Dialled(Path(NodeId("berlin"), host, port, PathGeneration(1), "ticket"))
    async with asyncio.timeout(20):
        await dialled.dialler().run()
    assert len(dialled.reasons) == TRIES_BESIDE_A_PATH
    assert all(each.startswith(reason) for each in dialled.reasons), dialled.reasons


async def test_a_broken_invariant_of_ours_still_ends_the_dialler() -> None:
    dialled = Dialled(Path(NodeId("berlin"), "127.0.0.1", 1, PathGeneration(1), "ticket"))

    def broken(_path: Path) -> RelayLink:
        raise AssertionError("ours")

    dialler = Dialler(lambda: dialled.path, broken, dialled.failed, lambda: True)
    with pytest.raises(AssertionError, match="ours"):
        await dialler.run()


@pytest.mark.parametrize(("host", "port", "reason"), UNDIALLABLE)
async def test_an_address_that_cannot_be_dialled_is_not_measured(
    host: str, port: int, reason: str
) -> None:
    assert await measure_latencies([RelayTarget(NodeId("berlin"), host, port)], "ticket") == {}


@pytest.mark.parametrize(
    ("outcome", "failures"),
    [
        (DialOutcome(is_ready=False), 4),
        (DialOutcome(is_ready=True, carried_seconds=STEADY_SECONDS), 0),
        (DialOutcome(is_ready=True, carried_seconds=STEADY_SECONDS - 0.1), 4),
        (DialOutcome(is_ready=False, pause_seconds=5.0, reason="refused (full): no"), 4),
    ],
)
def test_a_link_that_is_lost_at_once_counts_as_a_failure(
    outcome: DialOutcome, failures: int
) -> None:
    assert outcome.failures_after(3) == failures


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('x', 1)"), "refused"),
        (OSError(errno.ENETUNREACH, "Connect call failed ('x', 1)"), "unreachable"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "not known"),
        (OSError("Multiple exceptions: [Errno 111] ..."), "Multiple exceptions"),
        (TimeoutError(), "no connection within 5 s"),
    ],
)
async def test_the_reason_is_the_systems_own_words(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    monkeypatch.setattr("clients.endpoint.dialling.REDIALLING", Backoff.constant(1e-9))

    async def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", fails)
    dialled = Dialled(Path(NodeId("berlin"), "x", 1, PathGeneration(1), "ticket"))
    await dialled.dialler().run()
    assert all(reason in each for each in dialled.reasons), dialled.reasons
