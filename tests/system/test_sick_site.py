"""A master that is sick, not dead: its disk is full, its config sleeps, its table is locked.

Whoever cannot do the primary's work hands the role over once, says why, and comes back as a backup
when it is well; a fault that both masters share moves nothing.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from stack.demo.writer import ChangeWriter
from stack.site import Site, SiteOptions
from tests.system.chaos.process_watch import ProcessWatch
from tests.system.chaos.sickness import Sickness, disks_of, possible
from tests.system.people import Api, calling, run_meridian, signed_in

MASTERS = ("alpha", "bravo")
ELSEWHERE_SECONDS = 10.0
"""So long at most no change is accepted when a primary is sick and its backup is well."""

SAID_SECONDS = 15.0
WELL_SECONDS = 60.0
SHARED_SECONDS = 6.0
"""Twice as long as a database may be silent at this preset before its master is not fit."""


@dataclass
class Patient:
    """A site that can be made sick, and whoever writes to it and looks at it."""

    site: Site
    sick: Sickness
    api: Api
    env: dict[str, str]
    writers: list[ChangeWriter] = field(default_factory=list[ChangeWriter])

    async def well(self) -> tuple[str, str]:
        """Wait until a primary has a backup that would follow; their names."""
        async with asyncio.timeout(WELL_SECONDS):
            while True:
                found = await self.api.call("GET", "/failover/check")
                if found["primary"] and found["successor"] and found["survives_loss"]:
                    await self.site.wait_ready()
                    return found["primary"], found["successor"]
                await asyncio.sleep(0.1)

    async def epoch(self) -> int:
        """The largest epoch that a master knows."""
        found = await self.api.call("GET", "/failover/check")
        return max(each["epoch"] or 0 for each in found["masters"])

    async def reasons(self, node: str) -> str:
        """What the check says against *node*, empty when nothing."""
        found = await self.api.call("GET", "/failover/check")
        return next("; ".join(e["reasons"]) for e in found["masters"] if e["node"] == node)

    async def said(self, node: str, *words: str) -> str:
        """Wait until the check says one of *words* against *node*; all that it says."""
        said = ""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SAID_SECONDS):
                while not any(word in said for word in words):
                    said = await self.reasons(node)
                    await asyncio.sleep(0.1)
        assert any(word in said for word in words), f"{node}: {said!r} names none of {words}"
        return said

    def accepted(self, since: float) -> list[float]:
        """When changes were acknowledged since then."""
        found = (at for writer in self.writers for _, _, at in writer.acknowledged)
        return sorted(at for at in found if at > since)

    async def accepted_again(self, since: float, count: int = 20) -> None:
        """Wait for so many changes after that moment."""
        async with asyncio.timeout(WELL_SECONDS):
            while len(self.accepted(since)) < count:
                await asyncio.sleep(0.05)

    async def role_moves(self, away_from: str) -> str:
        """Wait until another master says that it is primary; its name."""
        async with asyncio.timeout(WELL_SECONDS):
            while (found := await self.site.primary()) in {None, away_from}:
                await asyncio.sleep(0.05)
        assert found is not None
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def patient(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Patient]:
    """One site for this file; whatever ends on it is started again, as `meridian up` does."""
    with ExitStack() as stack:
        disks = stack.enter_context(disks_of(MASTERS, ()))
        async with Site.start(SiteOptions(watch=disks.link if disks else None)) as site:
            sick, watch = Sickness(site, disks), asyncio.create_task(ProcessWatch(site).run())
            try:
                async with calling(site) as api:
                    env = await signed_in(site, tmp_path_factory.mktemp("home"))
                    yield Patient(site, sick, api, env)
            finally:
                sick.end()
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)


@contextlib.asynccontextmanager
async def writing(patient: Patient, prefix: str) -> AsyncGenerator[None]:
    """Somebody at each front door makes changes all along; none of them is lost."""
    site, stop = patient.site, asyncio.Event()
    doors = site.gateway_urls
    patient.writers = [
        ChangeWriter(order, site.ca_file, site.admin_password, prefix=f"{prefix}-{number}")
        for number, order in enumerate((doors, doors[::-1]))
    ]
    tasks = [asyncio.create_task(writer.run(stop)) for writer in patient.writers]
    try:
        await patient.accepted_again(time.monotonic())
        yield
    finally:
        patient.sick.end()
        stop.set()
        await asyncio.gather(*tasks)
    found = await patient.writers[0].found()
    for writer in patient.writers:
        assert {name for name, _, _ in writer.acknowledged} <= found


def longest_pause(moments: list[float], begin: float) -> float:
    return max(after - before for before, after in zip([begin, *moments], moments, strict=False))


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("verb", "service", "words"),
    [
        pytest.param(
            *("disk full", "", ("No space left", "disk")),
            marks=[
                pytest.mark.root,
                pytest.mark.skipif("disk full" not in possible(), reason="no disk of our own"),
            ],
        ),
        ("stall", "config", ("config",)),
    ],
    ids=["disk full", "config dead"],
)
async def test_a_sick_primary_hands_its_role_over_once_says_why_and_comes_back_as_backup(
    patient: Patient, verb: str, service: str, words: tuple[str, ...]
) -> None:
    primary, backup = await patient.well()
    before = await patient.epoch()
    async with writing(patient, verb.replace(" ", "-")):
        begin = time.monotonic()
        await patient.sick.begin(verb, primary, service)
        assert await patient.role_moves(primary) == backup
        await patient.accepted_again(time.monotonic())
        pause = longest_pause(patient.accepted(begin), begin)
        assert pause <= ELSEWHERE_SECONDS, f"no change for {pause:.1f} s"
        await patient.said(primary, *words)
        code, output = await run_meridian(patient.env, "failover", "check")
        assert code == 1, output
        code, output = await run_meridian(patient.env, "status")
        assert any(f"  {primary}: " in line for line in output.splitlines()), output

        patient.sick.end()
        assert await patient.well() == (backup, primary)
        await patient.accepted_again(time.monotonic())
    assert await patient.epoch() == before + 1, "the role moved once"


@pytest.mark.timeout(240)
async def test_a_backup_whose_config_is_dead_says_no_and_why_and_takes_no_role(
    patient: Patient,
) -> None:
    primary, backup = await patient.well()
    await patient.sick.begin("stall", backup, "config")
    try:
        await patient.said(backup, "config")
        code, output = await run_meridian(patient.env, "failover", "check")
        assert code == 1, output
        patient.site.freeze(primary)
        try:
            end = time.monotonic() + SHARED_SECONDS
            while time.monotonic() < end:
                assert await patient.site.primary() != backup
                await asyncio.sleep(0.1)
        finally:
            patient.site.thaw(primary)
        async with asyncio.timeout(WELL_SECONDS):
            while await patient.site.primary() != primary:
                await asyncio.sleep(0.1)
    finally:
        patient.sick.end()
    assert await patient.well() == (primary, backup)


@pytest.mark.timeout(240)
async def test_a_lock_on_both_masters_entries_moves_no_role_and_both_say_why(
    patient: Patient,
) -> None:
    primary, backup = await patient.well()
    before = await patient.epoch()
    async with writing(patient, "locked"):
        begin = time.monotonic()
        await patient.sick.begin("lock", primary)
        await patient.sick.begin("lock", backup)
        await asyncio.gather(*(patient.said(node, "database", "commit") for node in MASTERS))
        while time.monotonic() < begin + 2 * SHARED_SECONDS:
            assert await patient.epoch() == before
            await asyncio.sleep(0.2)
        patient.sick.end()
        await patient.accepted_again(time.monotonic())
    assert await patient.well() == (primary, backup)
    assert await patient.epoch() == before
