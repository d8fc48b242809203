"""The collections of documents: pages, entity tags, creation, references."""

from typing import Any

import pytest

from shared.documents import COLLECTIONS, Kind
from shared.events.config import ProposeChanges
from tests.unit.gateway.conftest import InMemoryGateway, People, Person

BODIES: dict[str, dict[str, Any]] = {
    "nodes": {"role": "traffic"},
    "users": {"role": "auditor"},
    "teams": {"members": ["admin"]},
    "public_sites": {"hostnames": ["help.example"]},
    "webhooks": {"url": "https://chat.example.com/hook"},
}


@pytest.mark.parametrize("collection", COLLECTIONS)
async def test_every_kind_can_be_created_read_changed_listed_and_deleted(
    people: People, collection: str
) -> None:
    admin, body = await people.admin(), BODIES[collection]
    made = await admin.call("POST", f"/{collection}", {"id": "x", "body": body})
    assert made.status_code == 201, made.text
    tag = made.headers["ETag"]

    read = await admin.get(f"/{collection}/x")
    assert read.headers["ETag"] == tag
    listed = (await admin.get(f"/{collection}")).json()
    assert "x" in [each["id"] for each in listed["items"]]
    assert listed["next"] is None

    changed = await admin.call("PUT", f"/{collection}/x", body, If_Match=tag)
    assert changed.status_code == 200
    late = await admin.call("DELETE", f"/{collection}/x", If_Match=tag)
    assert late.status_code == 412
    gone = await admin.call("DELETE", f"/{collection}/x", If_Match=changed.headers["ETag"])
    assert gone.status_code == 200
    assert (await admin.get(f"/{collection}/x")).status_code == 404


@pytest.mark.parametrize("collection", COLLECTIONS)
async def test_a_document_added_twice_is_refused_and_changes_nothing(
    people: People, fake: InMemoryGateway, collection: str
) -> None:
    admin, new = await people.admin(), {"id": "x", "body": BODIES[collection]}
    await admin.call("POST", f"/{collection}", new)
    revision = fake.site.revision

    again = await admin.call("POST", f"/{collection}", new)

    assert again.status_code == 409
    assert again.json()["code"] == "already_exists"
    assert "'x' already; PUT changes it" in again.json()["detail"]
    assert fake.site.revision == revision


async def test_a_document_that_did_not_change_is_not_sent_again(people: People) -> None:
    admin = await people.admin()
    tag = (await admin.call("PUT", "/nodes/berlin", BODIES["nodes"])).headers["ETag"]

    same = await admin.call("GET", "/nodes/berlin", If_None_Match=tag)
    other = await admin.call("GET", "/nodes/berlin", If_None_Match='"1234"')

    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    assert other.status_code == 200


async def pages(person: Person, path: str) -> list[list[str]]:
    """The ids of every page from *path* on."""
    found: list[list[str]] = []
    following: str | None = path
    while following is not None:
        answer = await person.get(following.removeprefix("/api/v1"))
        assert answer.status_code == 200, answer.text
        found.append([each["id"] for each in answer.json()["items"]])
        following = answer.json()["next"]
        link = answer.headers.get("Link")
        assert link == (None if following is None else f'<{following}>; rel="next"')
    return found


async def test_a_list_is_read_page_by_page(people: People) -> None:
    admin = await people.admin()
    for name in ("berlin", "denver", "lima", "oslo", "tokyo"):
        await admin.call("PUT", f"/nodes/{name}", BODIES["nodes"])

    assert await pages(admin, "/nodes?limit=2") == [
        ["berlin", "denver"],
        ["lima", "oslo"],
        ["tokyo"],
    ]
    assert await pages(admin, "/nodes?limit=5") == [["berlin", "denver", "lima", "oslo", "tokyo"]]
    assert await pages(admin, "/nodes?after=lima") == [["oslo", "tokyo"]]


async def test_a_cursor_with_strange_characters_leads_on(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    for name in ("a&b c", "ü"):
        fake.site.write(COLLECTIONS["users"], name, {"role": "auditor"})

    assert await pages(admin, "/users?limit=1") == [["a&b c"], ["admin"], ["ü"]]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", f"after={'x' * 201}"])
async def test_a_page_that_cannot_be_is_reported(people: People, query: str) -> None:
    admin = await people.admin()

    answer = await admin.get(f"/nodes?{query}")

    assert answer.status_code == 422
    assert answer.json()["field"] == query.partition("=")[0]


async def test_an_unknown_user_or_team_is_reported_with_its_name(people: People) -> None:
    admin = await people.admin()

    team = await admin.call("PUT", "/teams/desk", {"members": ["nobody"]})
    public = await admin.call("PUT", "/public_sites/x", {"hostnames": ["a"], "teams": ["night"]})

    assert (team.status_code, public.status_code) == (422, 422)
    assert team.json()["detail"] == "team 'desk': members: there is no user 'nobody'"
    assert public.json()["detail"] == "public_site 'x': teams: there is no team 'night'"


async def test_what_is_in_use_is_not_deleted_and_its_holders_are_reported(people: People) -> None:
    admin = await people.admin()
    await admin.call("PUT", "/users/rita", {"role": "representative"})
    await admin.call("PUT", "/teams/desk", {"members": ["rita"]})

    answer = await admin.call("DELETE", "/users/rita")

    assert answer.status_code == 409
    assert answer.json()["code"] == "in_use"
    assert answer.json()["referrers"] == ["team 'desk'"]
    assert (await admin.get("/users/rita")).status_code == 200


def wanted(*documents: tuple[str, str, dict[str, Any]], **more: bool) -> dict[str, Any]:
    listed = [{"kind": kind, "id": id_, "body": body} for kind, id_, body in documents]
    return {"documents": listed, **more}


LARGE = {"role": "traffic", "region": "x" * 60_000}


async def test_an_apply_that_is_too_large_for_one_entry_is_cut_into_several(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    before = fake.site.revision

    answer = await admin.call(
        "POST", "/apply", wanted(*(("node", f"n{number}", LARGE) for number in range(9)))
    )

    assert len(answer.json()["changes"]) == 9
    assert answer.json()["revision"] == fake.site.revision == before + 3


async def test_an_apply_that_names_what_is_not_there_writes_nothing_of_several_entries(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    before = fake.site.revision
    nodes = [("node", f"n{number}", LARGE) for number in range(9)]

    answer = await admin.call(
        "POST", "/apply", wanted(*nodes, ("team", "desk", {"members": ["nobody"]}))
    )

    assert answer.status_code == 422
    assert answer.json()["detail"] == "team 'desk': members: there is no user 'nobody'"
    assert fake.site.revision == before


async def test_an_apply_that_is_stopped_says_how_far_it_got(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    nodes = [("node", f"n{number}", LARGE) for number in range(9)]

    def somebody_else_is_faster(proposal: ProposeChanges) -> None:
        if any(change.id == "n8" for change in proposal.changes):
            fake.site.write(Kind.NODE, "n8", {"role": "traffic"})

    fake.site.meanwhile = somebody_else_is_faster
    answer = await admin.call("POST", "/apply", wanted(*nodes))

    assert answer.status_code == 412
    refusal = answer.json()
    assert "not at 0; read it again; 8 of 9 changes were made before" in refusal["detail"]
    assert (refusal["changes_made"], refusal["changes"]) == (8, 9)
    assert refusal["revision"] == fake.site.revision
