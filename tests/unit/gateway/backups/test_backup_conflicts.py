"""Open conflicts in backups: put in with their entries, and open again on a master afterwards."""

from dataclasses import asdict, replace

import pytest

from services.gateway.backups.core.contents import CONFLICT, END, MANIFEST, conflict_frame
from shared.documents import Kind
from shared.domain.errors import BackupTooNew
from shared.events.conflict import ConflictRead, KeepConflict
from tests.unit.gateway.backups.test_backups import frames, made, resealed, sent
from tests.unit.gateway.conflicts.test_conflicts import ALPHA, BRAVO, ID, line_of
from tests.unit.gateway.conftest import InMemoryGateway, People

BUNDLES = ["the first part", "the second part"]
LINE = line_of(2)


@pytest.fixture
async def site(people: People) -> InMemoryGateway:
    """Bravo keeps an open conflict of two parts, alpha keeps none, and both answer."""
    fake = people.fake
    for master in (ALPHA, BRAVO):
        fake.site.write(Kind.NODE, master, {"role": "master", "region": "x"})
    fake.site.conflicts = {ALPHA: None, BRAVO: ConflictRead(line=LINE, changes=())}
    fake.site.bundles = {ID: list(BUNDLES)}
    fake.site.revision += 1
    await fake.state.directory.read()
    return fake


def forget(fake: InMemoryGateway) -> None:
    """Every database of a master was lost."""
    fake.site.conflicts, fake.site.bundles = {ALPHA: None, BRAVO: None}, {}
    fake.site.asked.clear()


def kept(fake: InMemoryGateway) -> list[tuple[str, str]]:
    orders = [each for each in fake.site.asked if isinstance(each, KeepConflict)]
    return [(each.node, each.bundle) for each in orders]


async def test_an_open_conflict_comes_back_as_it_was(people: People, site: InMemoryGateway) -> None:
    admin = await people.admin()
    backup = await made(admin)
    _, found = await sent(admin, "/backup/verify", backup)
    assert (found["conflicts"], found["silent"]) == (1, [])
    forget(site)

    _, plan = await sent(admin, "/backup/restore?dry_run=true", backup)
    assert [each["id"] for each in plan["conflicts"]] == [ID]  # type: ignore[attr-defined]
    assert kept(site) == []

    status, done = await sent(admin, "/backup/restore", backup)
    assert (status, done["conflicts"]) == (200, [asdict(LINE)])
    assert kept(site) == [(BRAVO, each) for each in BUNDLES]
    listed = (await admin.get("/conflicts")).json()
    assert listed["conflicts"] == [asdict(LINE)]

    _, again = await sent(admin, "/backup/restore", backup)
    assert again["conflicts"] == []
    assert len(kept(site)) == len(BUNDLES)


async def test_one_that_was_resolved_is_not_in_it(people: People, site: InMemoryGateway) -> None:
    admin = await people.admin()
    await admin.call("POST", f"/conflicts/{ID}", {"resolution": "discard"})
    _, found = await sent(admin, "/backup/verify", await made(admin))
    assert found["conflicts"] == 0


async def test_one_that_was_resolved_since_stays_resolved(
    people: People, site: InMemoryGateway
) -> None:
    admin = await people.admin()
    backup = await made(admin)
    await admin.call("POST", f"/conflicts/{ID}", {"resolution": "discard"})
    _, done = await sent(admin, "/backup/restore", backup)
    assert (done["conflicts"], kept(site)) == ([], [])


async def test_another_master_keeps_it_where_that_one_is_gone(
    people: People, site: InMemoryGateway
) -> None:
    admin = await people.admin()
    backup = await made(admin)
    forget(site)
    del site.site.conflicts[BRAVO]
    _, done = await sent(admin, "/backup/restore", backup)
    assert done["conflicts"] == [asdict(replace(LINE, node=ALPHA))]
    assert kept(site) == [(ALPHA, each) for each in BUNDLES]


async def test_of_two_masters_that_keep_it_the_open_one_is_decided(
    people: People, site: InMemoryGateway
) -> None:
    decided = replace(LINE, node=ALPHA, resolution="discarded")
    site.site.conflicts[ALPHA] = ConflictRead(line=decided, changes=())
    admin = await people.admin()
    answer = await admin.call("POST", f"/conflicts/{ID}", {"resolution": "discard"})
    assert answer.json()["conflict"]["node"] == BRAVO


async def test_where_no_master_answers_the_caller_learns_it(
    people: People, site: InMemoryGateway
) -> None:
    admin = await people.admin()
    backup = await made(admin)
    site.site.conflicts = {}
    status, refusal = await sent(admin, "/backup/restore", backup)
    assert (status, refusal["code"]) == (503, "unavailable")
    assert "no master answers that could keep" in str(refusal["detail"])


async def test_a_master_that_does_not_answer_is_named_in_the_backup(
    people: People, site: InMemoryGateway
) -> None:
    del site.site.conflicts[BRAVO]
    admin = await people.admin()
    _, found = await sent(admin, "/backup/verify", await made(admin))
    assert (found["conflicts"], found["silent"]) == (0, [BRAVO])


async def test_a_backup_from_before_conflicts_is_whole_without_them(
    people: People, site: InMemoryGateway
) -> None:
    backups = site.gateway.backups
    key = backups.key(None)
    parts = [each for each in await frames(site, key) if each[:1] != CONFLICT]
    opened = await backups.open(resealed(parts, key), key)
    assert opened.summary().conflicts == 0
    site.site.conflicts = {}
    assert await backups.restore_conflicts(opened, dry_run=False) == []


async def test_a_conflict_that_is_reported_otherwise_is_refused(site: InMemoryGateway) -> None:
    backups = site.gateway.backups
    key = backups.key(None)
    parts = [each for each in await frames(site, key) if each[:1] != CONFLICT]
    assert (parts[0][:1], parts[-1]) == (MANIFEST, END)
    for strange in (CONFLICT + b"{}", CONFLICT + b"?", CONFLICT + b"[]"):
        with pytest.raises(BackupTooNew, match="this release cannot read the backup"):
            await backups.open(resealed([*parts[:-1], strange, END], key), key)
    other = conflict_frame({"id": ID}, "bundle")
    opened = await backups.open(resealed([*parts[:-1], other, END], key), key)
    with pytest.raises(BackupTooNew, match="this release cannot read a conflict"):
        await backups.restore_conflicts(opened, dry_run=True)
