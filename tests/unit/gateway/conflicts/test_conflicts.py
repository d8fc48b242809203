"""The API of conflicts: shown without secrets, and decided once."""

from typing import Any, Literal

import pytest

from services.gateway.access.passwords import PURPOSE
from shared.crypto.sealing import SiteSecret
from shared.documents import Kind
from shared.domain.conflict import ConflictChange, ConflictLine
from shared.domain.document import Ref
from shared.domain.ids import LogGeneration, NodeId, Revision
from shared.events.config import ProposeChanges
from shared.events.conflict import ConflictRead, ResolveConflict
from shared.events.operation import OperationEnded
from tests.unit.gateway.conftest import People

ALPHA, BRAVO = NodeId("alpha"), NodeId("bravo")
ID = "9f86d081884c"
HASH = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$aGFzaA"


def change(kind: str, id_: str, body: dict[str, Any] | None) -> ConflictChange:
    op: Literal["put", "delete"] = "delete" if body is None else "put"
    return ConflictChange(kind=kind, id=id_, op=op, body=body, author="rita", revision=Revision(41))


def line_of(count: int) -> ConflictLine:
    """Bravo's conflict that leaves *count* documents another way."""
    return ConflictLine(
        id=ID,
        node=BRAVO,
        at_unix_ms=1_000,
        log_generation=LogGeneration(1),
        revision=Revision(42),
        ancestor=Revision(40),
        count=count,
    )


@pytest.fixture
async def kept(people: People) -> People:
    """Bravo had three changes alone; alpha does not answer."""
    sealed = people.fake.passwords.seal_hash(HASH)
    line = line_of(3)
    changes = (
        change("node", "berlin", {"role": "traffic", "region": "eu"}),
        change("node", "gone", None),
        change("user", "paul", {"role": "auditor", "password_hash": sealed}),
    )
    site = people.fake.site
    for master in (ALPHA, BRAVO):
        site.write(Kind.NODE, master, {"role": "master", "region": "x"})
    site.conflicts[BRAVO] = ConflictRead(line=line, changes=changes)
    site.revision += 1
    await people.fake.state.directory.read()
    return people


async def test_the_list_names_who_keeps_it_and_who_is_silent(kept: People) -> None:
    answer = (await (await kept.admin()).get("/conflicts")).json()
    assert [(each["id"], each["node"]) for each in answer["conflicts"]] == [(ID, "bravo")]
    assert answer["silent"] == ["alpha"]


async def test_every_part_is_shown_and_no_secret(kept: People) -> None:
    answer = (await (await kept.admin()).get(f"/conflicts/{ID}")).json()
    assert [(each["kind"], each["id"], each["op"]) for each in answer["changes"]] == [
        ("node", "berlin", "put"),
        ("node", "gone", "delete"),
        ("user", "paul", "put"),
    ]
    assert answer["changes"][2]["body"] == {"role": "auditor"}


async def test_its_documents_are_put_into_the_site_as_one_change(kept: People) -> None:
    answer = await (await kept.admin()).call("POST", f"/conflicts/{ID}", {"resolution": "apply"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["conflict"]["resolution"] == "applied"
    site = kept.fake.site
    (proposal,) = [each for each in site.asked if isinstance(each, ProposeChanges)]
    assert proposal.request_id == f"conflict-{ID}"
    assert [(each.id, each.op) for each in proposal.changes] == [("berlin", "put"), ("paul", "put")]
    sealed = site.documents[Ref("user", "paul")].body["password_hash"]
    assert kept.fake.passwords.clear(sealed) == HASH


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_password_that_another_sites_secret_sealed_is_left_out(
    kept: People, is_there: bool
) -> None:
    site, foreign = kept.fake.site, SiteSecret.generate().seal(HASH, PURPOSE)
    conflict = site.conflicts[BRAVO]
    assert conflict is not None
    paul = change("user", "paul", {"role": "auditor", "password_hash": foreign})
    site.conflicts[BRAVO] = conflict.model_copy(update={"changes": (paul,)})
    own = kept.fake.passwords.seal_hash(HASH) if is_there else ""
    if is_there:
        site.write(Kind.USER, "paul", {"role": "representative", "password_hash": own})
    answer = await (await kept.admin()).call("POST", f"/conflicts/{ID}", {"resolution": "apply"})
    assert answer.status_code == 200, answer.text
    body = site.documents[Ref("user", "paul")].body
    assert (body["role"], body["password_hash"]) == ("auditor", own)


async def test_what_is_given_up_changes_nothing_and_is_reported(kept: People) -> None:
    answer = await (await kept.admin()).call("POST", f"/conflicts/{ID}", {"resolution": "discard"})
    assert answer.json()["conflict"]["resolution"] == "discarded"
    site = kept.fake.site
    assert not [each for each in site.asked if isinstance(each, ProposeChanges)]
    (order,) = [each for each in site.asked if isinstance(each, ResolveConflict)]
    assert (order.node, order.author) == (BRAVO, "admin")
    (event,) = [each for each in kept.fake.facts.kept if isinstance(each, OperationEnded)]
    assert event.operation == f"conflict {ID}: discard"


async def test_a_conflict_that_nobody_keeps_is_reported_with_who_was_not_asked(
    kept: People,
) -> None:
    answer = await (await kept.admin()).get("/conflicts/none")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "alpha did not answer" in answer.json()["detail"]


async def test_only_who_may_operate_decides(kept: People) -> None:
    auditor = await kept.signed_in("otto", "auditor")
    answer = await auditor.call("POST", f"/conflicts/{ID}", {"resolution": "discard"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
