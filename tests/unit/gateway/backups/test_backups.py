"""Backups over HTTP: what is made opens, what is foreign or broken changes nothing."""

import base64
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Final

import pytest

from services.gateway.access.passwords import PURPOSE
from services.gateway.backups.core.contents import (
    CHUNK,
    END,
    MANIFEST,
    PASSWORDS_IN_A_FRAME,
    Contents,
    password_frames,
)
from shared.crypto.backup import BackupKey, BackupOpener, BackupSealer
from shared.crypto.sealing import SiteSecret
from shared.documents import SITE_ID, Kind
from shared.domain.document import Ref
from shared.domain.errors import (
    BackupDamaged,
    BackupTooNew,
    BrokenChunk,
    LogUnavailable,
)
from shared.domain.ids import ClusterId, NodeId, UnixMillis
from shared.domain.snapshot import SignedSnapshot
from shared.events.operation import OperationEnded
from tests.unit.gateway.conftest import PASSWORD, InMemoryGateway, People, Person

PHRASE = "correct horse battery"
OTHER = ClusterId("another0cluster0")
KEY = "A" * 43 + "="


def passphrase(text: str = PHRASE) -> dict[str, str]:
    return {"Meridian_Passphrase": base64.b64encode(text.encode()).decode()}


async def made(admin: Person, **headers: str) -> bytes:
    answer = await admin.call("POST", "/backup", **headers)
    assert answer.status_code == 200, answer.text
    return answer.content


async def sent(
    person: Person, path: str, data: bytes, **headers: str
) -> tuple[int, dict[str, object]]:
    extra = {name.replace("_", "-"): value for name, value in headers.items()}
    own = {"Authorization": f"Bearer {person.token}", **extra}
    answer = await person.client.post(f"/api/v1{path}", content=data, headers=own)
    return answer.status_code, answer.json()


def ended(fake: InMemoryGateway) -> list[tuple[str, bool, str]]:
    events = [event for event in fake.facts.kept if isinstance(event, OperationEnded)]
    return [(event.operation, event.failed, event.code) for event in events]


@pytest.fixture
def site(people: People) -> InMemoryGateway:
    """Some documents to keep."""
    fake = people.fake
    fake.site.write(Kind.NODE, "berlin", {"role": "traffic", "region": "eu", "public_key": KEY})
    fake.site.write(Kind.TEAM, "support", {"display_name": "Support"})
    return fake


async def test_a_backup_holds_everything_and_says_so(people: People, site: InMemoryGateway) -> None:
    admin = await people.admin()
    status, found = await sent(admin, "/backup/verify", await made(admin))
    assert status == 200
    assert found["documents"] == {"node": 1, "site": 1, "team": 1, "user": 1}
    assert (found["site"], found["revision"]) == ("support.example.com", site.site.revision)
    assert ended(site) == [("backup create", False, ""), ("backup verify", False, "")]


async def test_what_was_changed_since_is_brought_back_and_what_is_new_stays(
    people: People, site: InMemoryGateway
) -> None:
    admin = await people.admin()
    backup = await made(admin)
    site.site.write(Kind.NODE, "berlin", {"role": "traffic", "region": "us", "public_key": KEY})
    site.site.write(Kind.NODE, "tokyo", {"role": "traffic"})
    del site.site.documents[Ref(Kind.TEAM, "support")]

    status, plan = await sent(admin, "/backup/restore?dry_run=true", backup)
    assert (status, plan["revision"], plan["stays"]) == (200, None, ["node tokyo"])
    assert site.site.documents[Ref(Kind.NODE, "berlin")].body["region"] == "us"

    status, done = await sent(admin, "/backup/restore", backup)
    assert (status, done["changes"]) == (200, plan["changes"])
    assert site.site.documents[Ref(Kind.NODE, "berlin")].body["region"] == "eu"
    assert (Kind.TEAM, "support") in site.site.documents
    assert (Kind.NODE, "tokyo") in site.site.documents

    _, again = await sent(admin, "/backup/restore?prune=true", backup)
    assert [change["op"] for change in again["changes"]] == ["delete"]  # type: ignore[attr-defined]
    assert (Kind.NODE, "tokyo") not in site.site.documents
    _, none = await sent(admin, "/backup/restore?prune=true", backup)
    assert none["changes"] == []


async def test_the_key_of_a_node_that_is_there_is_not_brought_back(
    people: People, site: InMemoryGateway
) -> None:
    admin = await people.admin()
    backup = await made(admin)
    fresh = "B" * 43 + "="
    site.site.revision += 1
    site.site.write(Kind.NODE, "berlin", {"role": "traffic", "public_key": fresh})
    await site.state.directory.read()
    await sent(admin, "/backup/restore", backup)
    berlin = site.site.documents[Ref(Kind.NODE, "berlin")].body
    assert (berlin["public_key"], berlin["region"]) == (fresh, "eu")


async def test_the_key_of_a_node_that_is_gone_comes_back_with_it(
    people: People, site: InMemoryGateway
) -> None:
    admin = await people.admin()
    backup = await made(admin)
    del site.site.documents[Ref(Kind.NODE, "berlin")]
    await sent(admin, "/backup/restore", backup)
    assert site.site.documents[Ref(Kind.NODE, "berlin")].body["public_key"] == KEY


async def test_passwords_come_back_on_a_site_with_another_secret(
    people: People, site: InMemoryGateway
) -> None:
    admin = await people.admin()
    backup = await made(admin, **passphrase())
    site.site.documents[Ref(Kind.USER, "rita")] = site.site.documents[Ref(Kind.USER, "admin")]
    fresh = SiteSecret.generate()
    anew = site.gateway.backups.passwords  # the site is founded anew, with another secret
    anew._secret = fresh  # pyright: ignore[reportPrivateUsage]
    site.gateway.backups.own_key = fresh.backup_key
    del site.site.documents[Ref(Kind.USER, "admin")], site.site.documents[Ref(Kind.USER, "rita")]

    status, _ = await sent(admin, "/backup/restore", backup, **passphrase())
    assert status == 200
    sealed = str(site.site.documents[Ref(Kind.USER, "admin")].body["password_hash"])
    assert fresh.open(sealed, PURPOSE).startswith("$argon2")
    assert await site.gateway.backups.passwords.matches(sealed, PASSWORD)


async def test_without_a_passphrase_only_the_same_secret_opens_it(
    people: People, site: InMemoryGateway
) -> None:
    admin = await people.admin()
    backup = await made(admin)
    site.gateway.backups.own_key = SiteSecret.generate().backup_key
    status, refusal = await sent(admin, "/backup/restore", backup)
    assert (status, refusal["code"]) == (422, "backup_foreign")
    assert ended(site)[-1] == ("backup restore", True, "backup_foreign")


async def test_another_clusters_is_brought_here_only_on_purpose(
    people: People, site: InMemoryGateway
) -> None:
    admin = await people.admin()
    backup = await made(admin, **passphrase())
    site.gateway.backups.cluster_id = OTHER
    status, refusal = await sent(admin, "/backup/restore", backup, **passphrase())
    assert (status, refusal["code"]) == (422, "backup_foreign")
    assert "0123456789abcdef" in str(refusal["detail"])
    status, _ = await sent(admin, "/backup/restore?from_another=true", backup, **passphrase())
    assert status == 200


Spoil = Callable[[bytes], bytes]
SPOILED: Final[tuple[tuple[Spoil, str], ...]] = (
    (lambda data: data[:-40], "backup_truncated"),
    (lambda data: data[: len(data) // 2], "backup_truncated"),
    (lambda _: b"", "backup_truncated"),
    (lambda data: data[:200] + b"?" + data[201:], "backup_damaged"),
    (lambda data: data + b"more", "backup_damaged"),
    (lambda _: b"no backup at all", "backup_damaged"),
    (lambda data: data.replace(b'"version":1', b'"version":9'), "backup_too_new"),
)


@pytest.mark.parametrize(("spoil", "code"), SPOILED)
async def test_what_is_not_as_it_was_written_changes_nothing(
    people: People, site: InMemoryGateway, spoil: Spoil, code: str
) -> None:
    admin = await people.admin()
    backup = spoil(await made(admin))
    before = dict(site.site.documents)
    for path in ("/backup/verify", "/backup/restore?prune=true"):
        status, refusal = await sent(admin, path, backup)
        assert (status, refusal["code"]) == (422, code)
    assert site.site.documents == before
    assert ended(site)[-1] == ("backup restore", True, code)


async def test_another_passphrase_is_reported(people: People, site: InMemoryGateway) -> None:
    admin = await people.admin()
    backup = await made(admin, **passphrase())
    wrong = passphrase("another horse battery")
    for headers in (wrong, {}):
        status, refusal = await sent(admin, "/backup/restore", backup, **headers)
        assert (status, refusal["code"]) == (422, "wrong_passphrase")
    assert site.site.documents


async def test_a_passphrase_must_be_long_and_base64(people: People, site: InMemoryGateway) -> None:
    admin = await people.admin()
    short = await admin.call("POST", "/backup", **passphrase("short"))
    assert (short.status_code, short.json()["field"]) == (422, "passphrase")
    strange = await admin.call("POST", "/backup", Meridian_Passphrase="?")
    assert (strange.status_code, strange.json()["field"]) == (422, "Meridian-Passphrase")
    assert ended(site) == []


async def test_two_operators_at_once_do_not_overwrite_one_another(
    people: People, site: InMemoryGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await people.admin()
    backup = await made(admin)
    site.site.write(Kind.NODE, "berlin", {"role": "traffic", "region": "us"})
    propose = site.gateway.proposals.propose

    async def late(*args: object, **more: object) -> object:
        site.site.revision += 1
        site.site.write(Kind.NODE, "berlin", {"role": "traffic", "region": "asia"})
        monkeypatch.setattr(site.gateway.proposals, "propose", propose)
        return await propose(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(site.gateway.proposals, "propose", late)
    status, refusal = await sent(admin, "/backup/restore", backup)
    assert (status, refusal["code"]) == (412, "revision_conflict")
    assert site.site.documents[Ref(Kind.NODE, "berlin")].body["region"] == "asia"
    assert ended(site)[-1] == ("backup restore", True, "revision_conflict")


async def test_only_administrators_make_and_bring_back(
    people: People, site: InMemoryGateway
) -> None:
    ada = await people.signed_in("ada", "auditor")
    assert (await ada.call("POST", "/backup")).status_code == 403
    for path in ("/backup/verify", "/backup/restore"):
        assert (await sent(ada, path, b""))[0] == 403
    assert ended(site) == []


async def test_a_snapshot_that_no_master_signed_is_not_sealed(
    people: People, site: InMemoryGateway
) -> None:
    admin = await people.admin()
    site.site.verify = lambda *_: False  # type: ignore[method-assign]
    site.gateway.backups.snapshots.verify = site.site.verify
    answer = await admin.call("POST", "/backup")
    assert answer.json()["code"] == "bad_signature"


async def test_a_chunk_that_was_replaced_meanwhile_ends_it(site: InMemoryGateway) -> None:
    backups = site.gateway.backups
    stream = backups.create(backups.key(None))
    await anext(stream)
    site.site.snapshots.objects["full.0"] = b"another snapshot's"
    with pytest.raises(BrokenChunk, match="chunk 0 of snapshot full was replaced meanwhile"):
        await anext(stream)

    stream = backups.create(backups.key(None))
    await anext(stream)
    site.site.snapshots.objects.clear()
    with pytest.raises(LogUnavailable, match=r"full\.0 is not there any more"):
        await anext(stream)


async def frames(site: InMemoryGateway, key: BackupKey) -> list[bytes]:
    """What lies in a backup, in clear."""
    opener, found = BackupOpener(key), list[bytes]()
    async for part in site.gateway.backups.create(key):
        found += opener.feed(part)
    return [*found, *opener.end()]


async def resealed(parts: list[bytes], key: BackupKey) -> AsyncGenerator[bytes]:
    sealer = BackupSealer(key, ClusterId("0123456789abcdef"), "x", UnixMillis(0))
    yield sealer.begin()
    for number, part in enumerate(parts, 1):
        yield sealer.frame(part, is_last=number == len(parts))


async def test_a_backup_is_believed_as_a_whole(site: InMemoryGateway) -> None:
    key = site.gateway.backups.key(None)
    manifest, chunk, end = await frames(site, key)
    assert (manifest[:1], chunk[:1], end) == (MANIFEST, CHUNK, END)
    wrong = (
        [manifest, end],
        [manifest, chunk, chunk, end],
        [chunk, manifest, end],
        [manifest, manifest, chunk, end],
        [manifest, chunk],
        [manifest, CHUNK + b"another", end],
        [manifest, end, chunk],
    )
    for parts in wrong:
        with pytest.raises(BackupDamaged):
            await site.gateway.backups.open(resealed(parts, key), key)


async def test_what_a_later_release_put_in_is_refused(site: InMemoryGateway) -> None:
    key = site.gateway.backups.key(None)
    manifest, chunk, end = await frames(site, key)
    for parts in ([manifest, chunk, b"Z" + b"?", end], [MANIFEST + b"{}", chunk, end]):
        with pytest.raises(BackupTooNew, match="this release cannot read"):
            await site.gateway.backups.open(resealed(parts, key), key)


async def test_a_kind_of_document_that_is_not_known_is_refused(site: InMemoryGateway) -> None:
    backups = site.gateway.backups
    site.site.documents[Ref("moon", "x")] = replace(
        site.site.documents[Ref(Kind.SITE, SITE_ID)], kind="moon", id="x"
    )
    key = backups.key(None)
    opened = await backups.open(backups.create(key), key)
    with pytest.raises(BackupTooNew, match="holds a moon"):
        await backups.missing_documents(opened)


async def test_a_directory_is_no_backup(site: InMemoryGateway) -> None:
    offered = site.site.offer()
    signed = SignedSnapshot.decode(site.site.snapshots.objects[offered.name])
    body = signed.body.replace(b'"scope":"full"', b'"scope":"directory"')
    alpha, proof = NodeId("alpha"), site.site.key.sign(body)
    site.site.offer = lambda: offered  # type: ignore[method-assign]
    site.site.snapshots.objects[offered.name] = SignedSnapshot(body, alpha, proof).encode()
    backups = site.gateway.backups
    with pytest.raises(Exception, match="of scope directory, not everything"):
        await anext(backups.create(backups.key(None)))


def test_many_passwords_go_in_several_frames() -> None:
    passwords = {f"u{number:06}": "$argon2" for number in range(PASSWORDS_IN_A_FRAME + 1)}
    parts = password_frames(passwords)
    contents = Contents(manifest=None)
    assert len(parts) == 2
    with pytest.raises(BackupDamaged, match="not in their order"):
        contents.add_frame(parts[0])
