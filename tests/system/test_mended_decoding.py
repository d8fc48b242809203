"""Bytes that ended services of an earlier commit, sent to a site as its members send messages."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.system.black_box import (
    BlackBox,
    SiteEnded,
    kill,
    only_log_servers,
    running_site,
    tree,
    until,
)
from tests.system.disposable import Sites, everybody_read, keep
from tests.system.mended import FaultShown, require
from tests.system.raw_nats import RawNats, header_block
from tests.system.wire_dialect import (
    NODE_SIGNATURE,
    SIGNATURE,
    Credentials,
    Speaker,
    connect,
    credentials,
)

NO_TEXT: Final = "\udcff"
DEEP: Final = b"[" * 200_000
STATUS_LINE: Final = b"NATS/1.0 \xff\xff\xff\r\n\r\n"
LOG: Final = "meridian.log.1.entry"
LEASE: Final = "$KV.lease.primary"
SESSION: Final = "meridian.session.ghost.state"
HEARTBEAT: Final = "meridian.node.alpha.heartbeat"
EVENT: Final = "meridian.event.node.state_changed"
READ: Final = "meridian.config.read"
QUESTION: Final = b'{"kinds": ["site"]}'
BODY: Final = b'{"node": "berlin", "state": "alive", "previous": null, "cause": "a test"}'
MALFORMED: Final = b'{"session": '

SETTLE_SECONDS: Final = 1.5
"""So long a service is watched after it has read what may end it; it ends within 0.2 s."""

ASKED_SECONDS: Final = 30.0
SILENCE_SECONDS: Final = 2.0
DEAF_SECONDS: Final = 8.0
"""A client whose reading ended is connected anew after two pings, 4 to 6 s later."""

ASKERS: Final = {"gateway", "node_selector", "relay"}
MEMBERS: Final = 16
"""As many members of a queue group get most of its requests."""


def spoilt(headers: dict[str, str]) -> bytes:
    """The headers as a block, their MAC replaced by letters that are not ASCII."""
    head = headers[SIGNATURE].rpartition(";")[0]
    return header_block({**headers, SIGNATURE: f"{head};äöü"})


async def keeps_running(site: BlackBox, subject: str, payload: bytes, head: bytes = b"") -> None:
    """Keep a message on *subject*; whoever reads it goes on.

    Raises:
        FaultShown: a service ended.
    """
    before = await asyncio.to_thread(site.pids)
    async with site.connect() as client:
        stream, sequence = await keep(client, subject, payload, head)
        await everybody_read(client, stream, sequence)
    await site.stays_whole(before, SETTLE_SECONDS)


@pytest.mark.mends(sign="process ended")
async def test_a_deeply_nested_entry_of_the_log_ends_nobody(sites: Sites) -> None:
    async with sites.disposable() as site:
        await keeps_running(site, LOG, DEEP)


@pytest.mark.mends(sign="process ended")
async def test_a_deeply_nested_lease_ends_nobody(sites: Sites) -> None:
    async with sites.disposable() as site:
        await keeps_running(site, LEASE, DEEP)


@pytest.mark.mends(sign="process ended")
async def test_a_session_with_a_proof_that_is_not_ascii_ends_no_gateway(sites: Sites) -> None:
    async with sites.disposable() as site:
        speaker = Speaker(site.credentials("alpha.gateway"))
        await keeps_running(site, SESSION, b"{}", spoilt(speaker.signed(SESSION, b"{}")))


@pytest.mark.mends(sign="process ended")
async def test_a_proven_session_with_a_malformed_body_ends_no_gateway(sites: Sites) -> None:
    async with sites.disposable() as site:
        speaker = Speaker(site.credentials("alpha.gateway"))
        await keeps_running(site, SESSION, MALFORMED, speaker.block(SESSION, MALFORMED))


@pytest.mark.mends(sign="process ended")
async def test_an_event_with_a_proof_that_is_not_ascii_ends_no_replication(sites: Sites) -> None:
    async with sites.disposable() as site:
        speaker = Speaker(site.credentials("alpha.gateway"))
        headers = {**speaker.signed(EVENT, BODY), NODE_SIGNATURE: speaker.attested(EVENT, BODY)}
        await keeps_running(site, EVENT, BODY, spoilt(headers))


async def spoil_answers(client: RawNats, known: Credentials, answered: set[str]) -> None:
    """Answer as config does, with a proof that is not ASCII, and note which services asked."""
    heard = [client.subscribe(READ, "config") for _ in range(MEMBERS)]
    speaker = Speaker(known)

    async def answer_each(number: int) -> None:
        while True:
            request = await heard[number].get()
            client.send(request.reply, b"{}", spoilt(speaker.answer(request.headers, b"{}")))
            answered.add(request.headers[SIGNATURE].split(";")[2].split(".")[1])

    await asyncio.gather(*(answer_each(number) for number in range(MEMBERS)))


@pytest.mark.mends(sign="process ended")
async def test_an_answer_with_a_proof_that_is_not_ascii_ends_no_requester(sites: Sites) -> None:
    async with sites.disposable() as site:
        before = await asyncio.to_thread(site.pids)
        known = site.credentials("alpha.config")
        answered: set[str] = set()

        async def everybody_asked() -> bool:
            return answered >= ASKERS

        async with connect(known) as client:
            spoiling = asyncio.create_task(spoil_answers(client, known, answered))
            try:
                assert await until(everybody_asked, ASKED_SECONDS), f"only {answered} asked"
                await site.stays_whole(before, SETTLE_SECONDS)
            finally:
                spoiling.cancel()
                await asyncio.gather(spoiling, return_exceptions=True)


@pytest.mark.mends(sign="process ended")
async def test_an_event_with_a_misshapen_signature_does_not_end_a_reader(
    sites: Sites, tmp_path: Path
) -> None:
    async with sites.disposable() as site, site.connect() as client:
        speaker = Speaker(site.credentials("alpha.gateway"))
        good = {**speaker.signed(EVENT, BODY), NODE_SIGNATURE: speaker.attested(EVENT, BODY)}
        head = good[NODE_SIGNATURE].rpartition(";")[0]
        bad = {**speaker.signed(EVENT, BODY), NODE_SIGNATURE: f"{head};äöü"}
        tail = await site.start_command(
            *("events", "tail", "--since", "10m", "--filter", "node.state_changed", "--json"),
            home=tmp_path,
        )
        try:
            await keep(client, EVENT, BODY, header_block(bad))
            marked = json.dumps({**json.loads(BODY), "cause": "after it"}).encode()
            headers = {
                **speaker.signed(EVENT, marked),
                NODE_SIGNATURE: speaker.attested(EVENT, marked),
            }
            await keep(client, EVENT, marked, header_block(headers))
            assert tail.stdout is not None, "it was opened as a pipe"
            output = b""
            async with asyncio.timeout(ASKED_SECONDS):
                while b"after it" not in output and (line := await tail.stdout.readline()):
                    output += line
            require("after it" in output.decode(), "process ended", output.decode()[-500:])
        finally:
            await kill(tail)


@pytest.mark.mends(sign="reply wrong")
async def test_a_counter_of_4000_digits_is_not_taken(sites: Sites) -> None:
    async with sites.disposable() as site, site.connect() as client:
        speaker = Speaker(site.credentials("alpha.gateway"))
        head = speaker.block(READ, QUESTION)
        good = await client.request(READ, QUESTION, head, below=speaker.inbox)
        assert b"documents" in good.payload, good
        boot = Speaker(speaker.known).boot
        bad = speaker.block(READ, QUESTION, id=f"{boot}+{'9' * 4000}")
        try:
            answer = await client.request(READ, QUESTION, bad, SILENCE_SECONDS, speaker.inbox)
        except TimeoutError:
            return
        raise FaultShown("reply wrong", f"it was answered with {answer.payload[:80]!r}")


async def hears_on(site: BlackBox, send: Callable[[RawNats], None]) -> None:
    """Do as *send* does; no service loses a connection to NATS by it.

    Raises:
        FaultShown: a connection is another one now.
    """
    before = await site.connections()
    assert len(before) >= len(site.services), "every service is connected"
    async with site.connect() as client:
        send(client)
        await client.flush()

    async def is_lost() -> bool:
        now = await site.connections()
        return any(now.get(name) != place for name, place in before.items())

    lost = await until(is_lost, DEAF_SECONDS)
    require(not lost, "stream gone", "a service lost its connection to NATS by one message")


@pytest.mark.mends(sign="stream gone")
async def test_a_status_line_that_is_no_text_deafens_nobody(sites: Sites) -> None:
    async with sites.disposable() as site:
        await hears_on(site, lambda client: client.send(HEARTBEAT, b"{}", STATUS_LINE))


@pytest.mark.mends(sign="stream gone")
async def test_a_subject_that_is_no_text_deafens_nobody(sites: Sites) -> None:
    async with sites.disposable() as site:
        subject = HEARTBEAT.replace("alpha", NO_TEXT)
        await hears_on(site, lambda client: client.send(subject, b"{}"))


@pytest.mark.mends(sign="stream gone")
async def test_a_kept_subject_that_is_no_text_deafens_nobody(sites: Sites) -> None:
    async with sites.disposable() as site:
        subject = SESSION.replace("ghost", NO_TEXT)
        await hears_on(site, lambda client: client.send(subject, b"{}"))


@pytest.mark.mends(sign="stream gone")
async def test_a_reply_subject_that_is_no_text_deafens_nobody(sites: Sites) -> None:
    async with sites.disposable() as site:
        await hears_on(site, lambda client: client.send(HEARTBEAT, b"{}", reply=NO_TEXT))


async def poison(client: RawNats, known: Credentials) -> None:
    """Leave in every place what ended its readers."""
    speaker = Speaker(known)
    event = {**speaker.signed(EVENT, BODY), NODE_SIGNATURE: speaker.attested(EVENT, BODY)}
    await keep(client, LOG, DEEP)
    await keep(client, LEASE, DEEP)
    await keep(client, SESSION, b"{}", spoilt(speaker.signed(SESSION, b"{}")))
    other = SESSION.replace("ghost", "spectre")
    await keep(client, other, MALFORMED, speaker.block(other, MALFORMED))
    await keep(client, other.replace("spectre", "shade"), b"{}", STATUS_LINE)
    await keep(client, EVENT, BODY, spoilt(event))
    await keep(client, EVENT, BODY, STATUS_LINE)


@pytest.mark.mends(sign="process ended")
@pytest.mark.timeout(240)
async def test_a_poisoned_site_starts_and_takes_changes(sites: Sites, tmp_path: Path) -> None:
    async with sites.stopped() as state:
        async with only_log_servers(tree(), state):
            known = credentials(state, "alpha.gateway")
            async with connect(known) as client:
                await poison(client, known)
        try:
            async with running_site(tree(), state) as site:
                before = await asyncio.to_thread(site.pids)
                await takes_a_change(site, tmp_path)
                await site.stays_whole(before, SETTLE_SECONDS)
        except SiteEnded as error:
            raise FaultShown("process ended", str(error)) from error


async def takes_a_change(site: BlackBox, home: Path) -> None:
    code, output = await site.command("login", "admin", home=home)
    assert code == 0, output
    document = home / "team.yaml"
    document.write_text("teams:\n  second-line: {}\n")
    code, output = await site.command("apply", "-f", str(document), home=home)
    require(code == 0, "reply wrong", f"a change was refused: {output}")
