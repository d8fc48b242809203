"""Puts one document into a site of traced processes and reads what each of them noted."""

import asyncio
import os
import signal
import ssl
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from shared.decoding.jsontext import FILE, decode_json
from stack.site import Site, SiteOptions
from tools.walk.hook.sitecustomize import MARK

HOOK: Final = Path(__file__).parent / "hook"
VALUES: Final = ("shared/domain/", "shared/documents/", "shared/decoding/", "shared/api/model.py")
"""Values that everybody knows; a change passes through them everywhere."""

BUS: Final = ("shared/messaging/", "shared/crypto/")
"""What signs, carries and checks every message, a change too."""

SERVER: Final = ("services/gateway/acceptor/", "services/gateway/http/graceful_stop.py")
"""What takes in and answers every request of the front door, whatever it asks for."""

PATIENCE_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Walk:
    """The files that a change passed, by process (`gateway`, `config`, `replication`), in order."""

    by_process: dict[str, tuple[str, ...]]

    @property
    def files(self) -> frozenset[str]:
        """Every file of the walk, values apart."""
        return frozenset(file for files in self.by_process.values() for file in files)

    @property
    def own_files(self) -> frozenset[str]:
        """The files of the walk that know what a change is: neither the bus nor the server."""
        return frozenset(file for file in self.files if not file.startswith(BUS + SERVER))


async def trace_change() -> Walk:
    """Trace a change from the primary's gateway to the backup's replication."""
    with tempfile.TemporaryDirectory() as folder, hooked(Path(folder)):
        async with Site.start(SiteOptions()) as site:
            primary = await site.primary()
            assert primary is not None, "a site that has started has a primary"
            (backup,) = (n.name for n in site.layout.masters if n.name != primary)
            masters = {"gateway": primary, "config": primary, "replication": backup}
            pids = {name: site.processes.of(node, name)[0].pid for name, node in masters.items()}
            await change(site, primary, pids)
            return Walk({name: await noted(Path(folder), pid) for name, pid in pids.items()})


@contextmanager
def hooked(folder: Path) -> Generator[None]:
    """Let processes that are started meanwhile import the hook and write to *folder*."""
    before = dict(os.environ)
    path = os.pathsep.join(filter(None, (str(HOOK), before.get("PYTHONPATH"))))
    os.environ |= {"PYTHONPATH": path, "WALK_FOLDER": str(folder)}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def change(site: Site, primary: str, pids: dict[str, int]) -> None:
    """Put the traced document while processes note; the follower's until the backup has it."""
    urls = {
        str(n.name): url for n, url in zip(site.layout.masters, site.gateway_urls, strict=False)
    }
    async with httpx.AsyncClient(
        base_url=urls[primary], verify=ssl.create_default_context(cafile=str(site.ca_file))
    ) as client:
        body = {"username": "admin", "password": site.admin_password}
        answer = await client.post("/api/v1/login", json=body)
        token = answer.raise_for_status().json()["token"]
        client.headers["authorization"] = f"Bearer {token}"
        await _signal(*pids.values())
        put = await client.put(f"/api/v1/teams/{MARK}", json={})
        put.raise_for_status()
        await _signal(pids["gateway"], pids["config"])
        await _until_followed(client, int(put.json()["revision"]))
        await _signal(pids["replication"])


async def _signal(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGUSR2)
    await asyncio.sleep(0.2)


async def _until_followed(client: httpx.AsyncClient, revision: int) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            status = (await client.get("/api/v1/status")).json()
            if all(
                int(n["revision"]) >= revision for n in status["nodes"] if n["role"] != "witness"
            ):
                return
            await asyncio.sleep(0.1)


async def noted(folder: Path, pid: int) -> tuple[str, ...]:
    """Read what the process noted, without what stands apart."""
    path = folder / f"{pid}.json"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not path.exists():
            await asyncio.sleep(0.05)  # another process writes it, and tells nobody
    report: Any = decode_json(path.read_bytes(), FILE)
    return tuple(file for file in report["files"] if not file.startswith(VALUES))
