"""The role is handed over on purpose while changes are made and a session carries bytes."""

import asyncio
import ssl
import time
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from shared.domain.log import ReplicationMode
from stack.demo.writer import ChangeWriter
from stack.site import Site
from tests.system.people import run_meridian, signed_in, talking, until

WRITERS = 4
PATIENCE = 20.0
PASSING = {
    "not_ready",
    "no_primary",
    "unavailable",
    "outcome_unknown",
    "stale_epoch",
    "not_primary",
}
"""What a site may say while a role has only just moved, or the machine is busy."""


def writer_of(site: Site) -> ChangeWriter:
    return ChangeWriter(site.gateway_urls, site.ca_file, site.admin_password)


class Operator:
    """Somebody who is signed in at one front door."""

    def __init__(self, site: Site) -> None:
        context = ssl.create_default_context(cafile=str(site.ca_file))
        self._http = httpx.AsyncClient(verify=context, timeout=15, base_url=site.gateway_urls[0])
        self._password = site.admin_password

    async def __aenter__(self) -> Self:
        body = {"username": "admin", "password": self._password}
        answer = await self._http.post("/api/v1/login", json=body)
        self._http.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def get(self, path: str) -> Any:
        answer = await self._http.get(f"/api/v1{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def maintain(self, node: str, *, is_so: bool) -> None:
        """Put *node* into maintenance, or take it out."""
        document = (await self.get(f"/nodes/{node}"))["body"] | {"maintenance": is_so}
        answer = await self._http.put(f"/api/v1/nodes/{node}", json=document)
        assert answer.status_code == 200, answer.text

    async def switch(self, to: str | None = None) -> httpx.Response:
        return await self._http.post("/api/v1/switchover", json={"to": to})

    async def switched(self, to: str) -> None:
        """Make *to* primary, as soon as the site is ready for it."""
        async with asyncio.timeout(PATIENCE):
            while (answer := await self.switch(to)).status_code != 200:
                code = answer.json()["code"]
                if code == "already_primary":  # an order before was late to say that it is done
                    return
                assert code in PASSING, answer.text
                await asyncio.sleep(0.2)

    async def epoch(self) -> int:
        found = await self.get("/failover/check")
        return max(each["epoch"] or 0 for each in found["masters"])


def other(site: Site, master: str | None) -> str:
    return next(node.name for node in site.layout.masters if node.name != master)


@pytest.mark.timeout(180)
async def test_a_switchover_under_load_refuses_no_change_and_loses_none(site: Site) -> None:
    await writer_of(site).propose_once("before-the-switchover")
    writers = [writer_of(site) for _ in range(WRITERS)]
    stop = asyncio.Event()
    async with Operator(site) as operator:
        first = await site.primary()
        tasks = [
            asyncio.create_task(write(writer, f"switch-{number}", stop))
            for number, writer in enumerate(writers)
        ]
        await until(lambda: all(len(writer.acknowledged) > 5 for writer in writers))
        second = other(site, first)
        await operator.switched(second)
        moment = time.monotonic()
        await until_primary(operator, second)
        await until(lambda: all(writer.acknowledged[-1][1] > moment for writer in writers))
        stop.set()
        refused = [refusal for task in tasks for refusal in await task]

    assert refused == []
    acknowledged = {name for writer in writers for name, _, _ in writer.acknowledged}
    assert acknowledged <= await writers[0].found()


async def write(writer: ChangeWriter, prefix: str, stop: asyncio.Event) -> list[str]:
    """Change after change, each proposed once; what was refused."""
    refused: list[str] = []
    async with writer.client() as client:
        token = await writer.signed_in(client, stop)
        number = 0
        while not stop.is_set():
            number += 1
            name = f"{prefix}-{number:05d}"
            began = time.monotonic()
            answer = await client.put(
                f"{writer.gateways[number % 2]}/api/v1/users/{name}",
                json={"role": "auditor"},
                headers={"Authorization": f"Bearer {token}"},
                timeout=PATIENCE,
            )
            if answer.status_code == 200:
                writer.acknowledged.append((name, began, time.monotonic()))
            else:
                refused.append(answer.text)
    return refused


@pytest.mark.timeout(180)
async def test_the_backup_stays_attached_and_a_session_notices_nothing_of_two_switchovers(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    async with talking(env) as (carried, talk), Operator(site) as operator:
        first = await site.primary()
        assert first is not None
        await until_followed(operator, first)
        await attached(site, "before")
        epoch = await operator.epoch()
        await operator.switched(other(site, first))
        after = await attached(site, "after")
        assert set(after["durable_on"]) == {first, other(site, first)}
        await operator.switched(first)
        await until_primary(operator, first)
        assert await operator.epoch() >= epoch + 2
        echoed = talk.echoed
        await until(lambda: talk.echoed > echoed + 10)
        assert carried.resumptions == []


@pytest.mark.timeout(180)
async def test_the_command_says_who_is_primary_now_and_who_would_follow(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    async with Operator(site) as operator:
        first = other(site, await site.primary())
        await operator.switched(first)
        await until_followed(operator, first)
    second = other(site, first)
    code, text = await run_meridian(env, "failover", "check")
    assert (code, text.splitlines()[0]) == (
        0,
        f"if {first} failed, {second} would take the role over",
    )
    code, text = await run_meridian(env, "switchover", "--to", second)
    assert code == 0, text
    assert f"{second} is primary of epoch" in text
    code, text = await run_meridian(env, "switchover", "--to", second)
    assert code != 0
    assert f"{second} is primary already" in text


async def attached(site: Site, name: str) -> dict[str, Any]:
    """The answer to a change that both masters have; a busy machine may detach one for a moment."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await writer_of(site).propose_once(f"attached-{name}")
            if answer["mode"] == ReplicationMode.SYNCHRONOUS:
                return answer
            await asyncio.sleep(0.2)


async def until_primary(operator: Operator, primary: str) -> None:
    """Until *primary* says that it is."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if (await operator.get("/failover/check"))["primary"] == primary:
                return
            await asyncio.sleep(0.1)


async def until_followed(operator: Operator, primary: str) -> None:
    """Until the other master would take the role over from *primary*."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await operator.get("/failover/check")
            if found["primary"] == primary and found["successor"] is not None:
                return
            await asyncio.sleep(0.1)


@pytest.mark.timeout(120)
async def test_what_cannot_be_done_is_one_sentence_with_a_code_and_changes_nothing(
    site: Site,
) -> None:
    primary = await site.primary()
    assert primary is not None
    async with Operator(site) as operator:
        await until_primary(operator, primary)
        nobody = await operator.switch("nowhere")
        itself = await operator.switch(primary)
        await operator.switched(other(site, primary))
        await operator.switched(primary)
        answers = await asyncio.gather(*(operator.switch() for _ in range(3)))

    assert (nobody.status_code, nobody.json()["code"]) == (404, "not_found")
    assert "nowhere" in nobody.json()["detail"]
    assert (itself.status_code, itself.json()["code"]) == (409, "already_primary")
    epochs = [answer.json()["epoch"] for answer in answers if answer.status_code == 200]
    assert len(set(epochs)) == len(epochs), "one handover answers for two operators"
    others = {answer.json()["code"] for answer in answers if answer.status_code != 200}
    assert others <= {"under_way", "stale_epoch", "not_primary", "not_ready"}


@pytest.mark.timeout(120)
async def test_a_master_in_maintenance_gets_no_role_until_it_is_over(site: Site) -> None:
    primary = await site.primary()
    backup = other(site, primary)
    async with Operator(site) as operator:
        await operator.maintain(backup, is_so=True)
        try:
            await until_reported(operator, backup, ["it is in maintenance"])
            answer = await operator.switch(backup)
        finally:
            await operator.maintain(backup, is_so=False)
        await until_reported(operator, backup, [])

    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")
    assert answer.json()["detail"] == f"{backup} cannot take the role over: it is in maintenance"
    assert await site.primary() == primary


async def until_reported(operator: Operator, node: str, reasons: list[str]) -> None:
    """Until *node* says that *reasons* bar it, and nothing else does."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await operator.get("/failover/check")
            reported = {each["node"]: each["reasons"] for each in found["masters"]}
            if reported[node] == reasons:
                return
            await asyncio.sleep(0.1)


@pytest.mark.timeout(180)
async def test_nothing_is_handed_to_a_dead_backup_and_the_check_says_why(site: Site) -> None:
    primary = await site.primary()
    backup = other(site, primary)
    async with Operator(site) as operator:
        assert primary is not None
        await until_followed(operator, primary)
        check = await operator.get("/failover/check")
        assert check["verdict"] == f"if {primary} failed, {backup} would take the role over"
        await site.processes.kill(site.processes.of(backup, "failover_monitor"))
        try:
            answer = await operator.switch()
            check = await operator.get("/failover/check")
        finally:
            await site.start_service(backup, "failover_monitor")
            await site.wait_ready()

    assert (answer.status_code, answer.json()["code"]) == (409, "not_ready")
    assert answer.json()["detail"] == f"{backup} does not answer"
    assert check["verdict"] == f"if {primary} failed, no master would take the role over"
    assert await site.primary() == primary
    assert await writer_of(site).propose_once("still-accepted")
