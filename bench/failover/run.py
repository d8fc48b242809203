"""A whole run, part by part, and the rows that it ends in.

How much is measured is told by the environment: KILLS (process killed), MACHINES, FREEZES, CUTS,
LEADERS (the log's leader killed), SWITCHOVERS, SICK (disk full, config dead), LOCKS (database
locked), LOG_SERVERS (one out), PEERS (rounds with each peer), SICK_PEERS (each sickness of a peer's
primary), MINUTES (of trouble with each preset). Presets and peers take turns: nothing is measured
while something else runs.
"""

import asyncio
import hashlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.failover import autofailover, latency, network, ours, patroni
from bench.failover.autofailover import AutoFailover
from bench.failover.ledger import Ledger
from bench.failover.patroni import Patroni
from bench.failover.postgres import MissingPeer, Peer
from bench.failover.rounds import Blow, accept_again, fail_over
from bench.results import FOLDER, Results

PEER_MEASURE: Final = "failover: machine killed"
PEER_PHASE_SECONDS: Final = 10.0
"""A peer looks at its leader this often: it dies at any moment of that time."""

PEER_FAILED: Final = (MissingPeer, TimeoutError)
TTL: Final = 20
"""The smallest that Patroni takes."""

PATRONI: Final = f"patroni (ttl {TTL})"

TIMINGS: Final = ("lan", "local")
SUMS: Final = frozenset(
    {
        ours.LOST,
        "false failovers",
        "acknowledged stamps",
        "role moved: the log's leader killed",
        "minutes of trouble",
        "pauses made",
    }
)
"""What is counted over a whole run; everything else is told by its median."""


@dataclass(frozen=True)
class RunOptions:
    """How much of each is measured."""

    kills: int
    machines: int
    freezes: int
    cuts: int
    leaders: int
    switchovers: int
    sick: int
    locks: int
    log_servers: int
    peers: int
    sick_peers: int
    minutes: float

    @staticmethod
    def read(environment: Mapping[str, str]) -> "RunOptions":
        """What *environment* asks for, and else what a whole run has."""

        def number(name: str, usual: float) -> float:
            return float(environment.get(name) or usual)

        return RunOptions(
            kills=int(number("KILLS", 100)),
            machines=int(number("MACHINES", 30)),
            freezes=int(number("FREEZES", 30)),
            cuts=int(number("CUTS", 30)),
            leaders=int(number("LEADERS", 10)),
            switchovers=int(number("SWITCHOVERS", 50)),
            sick=int(number("SICK", 30)),
            locks=int(number("LOCKS", 10)),
            log_servers=int(number("LOG_SERVERS", 10)),
            peers=int(number("PEERS", 7)),
            sick_peers=int(number("SICK_PEERS", 5)),
            minutes=number("MINUTES", 30),
        )


def part(
    work: Callable[[Ledger, RunOptions], Coroutine[Any, Any, None]],
) -> Callable[[Results], None]:
    """A part of the run as `python -m bench` calls it: what is done already is not done again."""

    def measure(results: Results) -> None:
        options = RunOptions.read(os.environ)
        if options.peers or options.sick_peers:
            _install()
        network.enter()
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing is left running
        asyncio.run(work(_ledger(results.name, options), options))

    return measure


async def switchovers(ledger: Ledger, options: RunOptions) -> None:
    await ours.switchovers(ledger, options.switchovers)


async def blows(ledger: Ledger, options: RunOptions) -> None:
    await ours.blows(ledger, "process killed", options.kills)
    await ours.blows(ledger, "machine killed", options.machines)
    await ours.blows(ledger, "frozen", options.freezes)
    if reason := network.missing():
        ledger.note(f"No primary was cut off: {reason}.")
    else:
        await ours.blows(ledger, "cut off", options.cuts)
    await ours.leader_killed(ledger, options.leaders)


async def sick(ledger: Ledger, options: RunOptions) -> None:
    await ours.sick(ledger, "disk full", options.sick)
    await ours.sick(ledger, "config dead", options.sick)
    await ours.sick(ledger, "database locked", options.locks)
    await ours.sick(ledger, "log server out", options.log_servers)


async def sick_peers(ledger: Ledger, options: RunOptions) -> None:
    if options.sick_peers:
        await _patroni(ledger, PATRONI, TTL, partial(_sicken, ledger, wanted=options.sick_peers))


async def peers(ledger: Ledger, options: RunOptions) -> None:
    for name, ttl in ((PATRONI, TTL), ("patroni (default)", None)):
        if left := _left(ledger, name, options.peers):
            await _patroni(ledger, name, ttl, partial(_hurt, ledger, rounds=left))
    if _left(ledger, autofailover.NAME, options.peers):
        with _folder() as folder:
            try:
                async with AutoFailover.start(Path(folder)) as peer:
                    await _hurt(ledger, peer, _left(ledger, peer.name, options.peers))
            except PEER_FAILED as error:
                ledger.note(f"{autofailover.NAME} was not measured: {_why(error)}.")
    ledger.save()


async def calm(ledger: Ledger, options: RunOptions) -> None:
    for timing in TIMINGS:
        await ours.false_failovers(ledger, timing, options.minutes)


async def changes(ledger: Ledger, _: RunOptions) -> None:
    await latency.changes(ledger)


def report(results: Results) -> None:
    """Make the rows of what the run has found."""
    ledger = _ledger(results.name, RunOptions.read(os.environ))
    report_medians(ledger, results)
    ledger.is_reported = True
    ledger.save()


def report_medians(ledger: Ledger, results: Results) -> None:
    """Add a row for each series of *ledger*; one measure's subjects stand together."""
    measures = dict.fromkeys(measure for measure, _ in ledger.series)
    acknowledged = {
        s: sum(ledger.values(m, s)) for m, s in ledger.series if m == "acknowledged stamps"
    }
    for measure in measures:
        for (name, subject), series in ledger.series.items():
            if name != measure or not series.values:
                continue
            if measure in SUMS:
                n = acknowledged[subject] if measure == ours.LOST else len(series.values)
                results.sum(measure, subject, series.values, series.unit, int(n))
            else:
                beside = ours.NAME if subject != ours.NAME else ""
                results.add(measure, subject, series.values, series.unit, beside)
    results.about = {"run": ledger.run, "begun": ledger.begun, "notes": ledger.notes}


async def _patroni(
    ledger: Ledger, name: str, ttl: int | None, rounds: Callable[[Patroni], Awaitable[None]]
) -> None:
    with _folder() as folder:
        try:
            program = patroni.install(_packages())
            async with Patroni.start(program, Path(folder), name, ttl) as peer:
                await rounds(peer)
        except PEER_FAILED as error:
            ledger.note(f"{name} was not measured: {_why(error)}.")
    ledger.save()


async def _hurt(ledger: Ledger, peer: Peer, rounds: int) -> None:
    blow = Blow("machine killed", peer.strike, peer.mend)
    times = [await fail_over(peer, blow, PEER_PHASE_SECONDS) for _ in range(rounds)]
    ledger.add(PEER_MEASURE, peer.name, times)
    await _count(ledger, peer)
    per_second = peer.history.so_far().per_second()
    ledger.add("stamps per second, faults and all", peer.name, [per_second], "1/s")


async def _sicken(ledger: Ledger, peer: Patroni, wanted: int) -> None:
    blows = [peer.database_locked()]
    if peer.disks:
        blows.insert(0, peer.disk_full())
    for blow in blows:
        measure = f"{ours.AGAIN}: {blow.name}"
        for _ in range(wanted - ledger.count(measure, peer.name)):
            ledger.add(measure, peer.name, [await accept_again(peer, blow, PEER_PHASE_SECONDS)])
    await _count(ledger, peer)


async def _count(ledger: Ledger, peer: Peer) -> None:
    """Look for every stamp of *peer* that was acknowledged."""
    await peer.settled()
    history = peer.history.so_far()
    lost = history.lost(await peer.found())
    ledger.add(ours.LOST, peer.name, [float(len(lost))], "")
    ledger.add("acknowledged stamps", peer.name, [float(len(history.stamps))], "")


def _why(error: Exception) -> str:
    return str(error) or "it did not come back in time"


def _left(ledger: Ledger, subject: str, wanted: int) -> int:
    return max(0, wanted - ledger.count(PEER_MEASURE, subject))


def _install() -> None:
    """Fetch what comes from a registry while there is a network."""
    try:
        patroni.install(_packages())
    except MissingPeer:
        return


def _packages() -> Path:
    """Where Patroni's packages are kept between runs: one folder for each lock."""
    digest = hashlib.sha256(patroni.LOCK.read_bytes()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"meridian-bench-{os.geteuid()}-{digest}"


def _folder() -> "tempfile.TemporaryDirectory[str]":
    """A folder that anybody may enter."""
    folder = tempfile.TemporaryDirectory(prefix="meridian-peers-", ignore_cleanup_errors=True)
    Path(folder.name).chmod(0o755)
    return folder


def _ledger(file: str, options: RunOptions) -> Ledger:
    return Ledger.open(FOLDER / f"{file}.run", {**asdict(options), "commit": _commit()})


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
