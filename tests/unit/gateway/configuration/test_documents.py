from typing import Any

import pytest

from shared.documents import Kind
from shared.domain.document import Ref
from shared.events.config import ReadCurrent, ReadDocuments
from tests.unit.gateway.conftest import InMemoryGateway, People

NODE = {"role": "traffic", "region": "eu"}


async def test_a_document_carries_its_revision_as_its_tag(people: People) -> None:
    admin = await people.admin()
    written = await admin.call("PUT", "/nodes/berlin", NODE)
    assert written.status_code == 200
    assert written.json()["durable_on"] == ["alpha", "bravo"]

    read = await admin.get("/nodes/berlin")

    assert read.headers["ETag"] == written.headers["ETag"] == f'"{written.json()["revision"]}"'
    assert read.json()["body"]["region"] == "eu"


async def test_a_write_of_another_revision_is_refused_and_changes_nothing(people: People) -> None:
    admin = await people.admin()
    tag = (await admin.call("PUT", "/nodes/berlin", NODE)).headers["ETag"]
    assert (
        await admin.call("PUT", "/nodes/berlin", {**NODE, "region": "us"}, If_Match=tag)
    ).status_code == 200

    late = await admin.call("PUT", "/nodes/berlin", {**NODE, "region": "ap"}, If_Match=tag)

    assert late.status_code == 412
    assert late.json()["code"] == "revision_conflict"
    assert (await admin.get("/nodes/berlin")).json()["body"]["region"] == "us"


async def test_a_new_document_can_be_asked_to_be_new(people: People) -> None:
    admin = await people.admin()
    assert (await admin.call("PUT", "/nodes/berlin", NODE, If_None_Match="*")).status_code == 200

    assert (await admin.call("PUT", "/nodes/berlin", NODE, If_None_Match="*")).status_code == 412


@pytest.mark.parametrize("tag", ['"x"', "seven", '""'])
async def test_a_tag_that_is_none_of_ours_is_reported(people: People, tag: str) -> None:
    admin = await people.admin()

    answer = await admin.call("PUT", "/nodes/berlin", NODE, If_Match=tag)

    assert answer.status_code == 422
    assert answer.json()["field"] == "If-Match"


async def test_a_repeated_request_changes_nothing_twice(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    first = await admin.call("PUT", "/nodes/berlin", NODE, Idempotency_Key="mine")
    revision = fake.site.revision

    again = await admin.call("PUT", "/nodes/berlin", NODE, Idempotency_Key="mine")

    assert again.json() == first.json()
    assert fake.site.revision == revision


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nodes/nowhere"),
        ("GET", "/users/nobody"),
        ("GET", "/planets"),
        ("PUT", "/planets/x"),
    ],
)
async def test_what_is_not_there_is_not_found(people: People, method: str, path: str) -> None:
    admin = await people.admin()

    answer = await admin.call(method, path, {} if method == "PUT" else None)

    assert answer.status_code in {404, 405, 422}


async def test_a_document_can_be_deleted(people: People) -> None:
    admin = await people.admin()
    await admin.call("PUT", "/nodes/berlin", NODE)

    assert (await admin.call("DELETE", "/nodes/berlin")).status_code == 200
    assert (await admin.get("/nodes/berlin")).status_code == 404


async def test_an_unknown_field_is_reported_with_its_name(people: People) -> None:
    admin = await people.admin()

    answer = await admin.call("PUT", "/nodes/berlin", {**NODE, "colour": "red"})

    assert answer.status_code == 422
    assert answer.json()["field"] == "colour"


async def test_a_password_is_never_shown(people: People, fake: InMemoryGateway) -> None:
    admin = await people.admin()
    await admin.call("PUT", "/users/rita", {"role": "auditor", "password": "rita's own"})
    sealed = fake.site.documents[Ref(Kind.USER, "rita")].body["password_hash"]
    assert sealed

    for path in ("/users", "/users/rita", "/export"):
        text = (await admin.get(path)).text
        assert "password" not in text
        assert sealed not in text


async def test_a_password_stays_when_none_is_given(people: People, fake: InMemoryGateway) -> None:
    admin = await people.admin()
    await admin.call("PUT", "/users/rita", {"role": "auditor", "password": "rita's own"})
    before = fake.site.documents[Ref(Kind.USER, "rita")].body["password_hash"]

    await admin.call("PUT", "/users/rita", {"role": "auditor", "display_name": "Rita"})

    assert fake.site.documents[Ref(Kind.USER, "rita")].body["password_hash"] == before


@pytest.mark.parametrize(
    ("body", "detail"),
    [({"password": "short"}, "too short"), ({"password_hash": "md5"}, "no argon2 hash")],
)
async def test_a_password_that_cannot_be_used_is_reported(
    people: People, body: dict[str, str], detail: str
) -> None:
    admin = await people.admin()

    answer = await admin.call("PUT", "/users/rita", {"role": "auditor", **body})

    assert answer.status_code == 422
    assert detail in answer.json()["detail"]


def wanted(*documents: tuple[str, str, dict[str, Any]], **more: bool) -> dict[str, Any]:
    listed = [{"kind": kind, "id": id_, "body": body} for kind, id_, body in documents]
    return {"documents": listed, **more}


RITA = ("user", "rita", {"role": "auditor", "password": "rita's own"})
BERLIN = ("node", "berlin", NODE)


async def test_a_dry_run_shows_changes_and_writes_nothing(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    revision = fake.site.revision

    answer = await admin.call("POST", "/apply", wanted(BERLIN, dry_run=True))

    (change,) = answer.json()["changes"]
    assert (change["op"], change["kind"], change["id"]) == ("create", "node", "berlin")
    assert answer.json()["revision"] is None
    assert fake.site.revision == revision


async def test_a_second_apply_changes_nothing_passwords_included(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    first = await admin.call("POST", "/apply", wanted(BERLIN, RITA))
    assert len(first.json()["changes"]) == 2
    revision = fake.site.revision

    second = await admin.call("POST", "/apply", wanted(BERLIN, RITA))

    assert second.json() == {"changes": [], "revision": None}
    assert fake.site.revision == revision


async def test_a_changed_password_is_reported_without_being_shown(people: People) -> None:
    admin = await people.admin()
    await admin.call("POST", "/apply", wanted(RITA))
    changed = ("user", "rita", {"role": "auditor", "password": "another one"})

    (change,) = (await admin.call("POST", "/apply", wanted(changed))).json()["changes"]

    assert change["before"]["password_hash"] == "(old)"
    assert change["after"]["password_hash"] == "(new)"


async def test_pruning_deletes_what_is_not_named_when_asked_for(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    await admin.call("POST", "/apply", wanted(BERLIN, RITA))
    own = ("user", "admin", {"role": "administrator"})
    assert (await admin.call("POST", "/apply", wanted(own))).json()["changes"] == []

    answer = await admin.call("POST", "/apply", wanted(own, prune=True))

    assert {change["id"] for change in answer.json()["changes"]} == {"berlin", "rita"}
    assert (Kind.NODE, "berlin") not in fake.site.documents


async def test_a_document_named_twice_is_refused(people: People) -> None:
    admin = await people.admin()

    answer = await admin.call("POST", "/apply", wanted(BERLIN, BERLIN))

    assert answer.status_code == 422
    assert "named twice" in answer.json()["detail"]


async def test_what_is_asked_for_as_it_is_now_is_asked_of_the_primary(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    await admin.call("PUT", "/nodes/berlin", NODE)
    fake.site.asked.clear()

    assert (await admin.get("/nodes/berlin")).status_code == 200
    assert (await admin.get("/nodes/berlin?current=true")).json()["body"]["region"] == "eu"

    assert [type(each) for each in fake.site.asked] == [ReadDocuments, ReadCurrent]


async def test_a_site_that_does_not_answer_is_unavailable(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    fake.site.is_down = True

    answer = await admin.get("/nodes/berlin")

    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"
