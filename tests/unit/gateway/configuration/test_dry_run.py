"""A dry run refuses exactly what an apply refuses, and in the same words."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.config.core.commit import build_batch
from services.gateway.access.passwords import Passwords
from services.gateway.configuration.core import Edit
from services.gateway.configuration.editor import Editor
from shared.api.documents import ApplyRequest
from shared.crypto.sealing import SiteSecret
from shared.documents import DOCUMENTS, SITE_ID, Kind
from shared.documents.shape import validate_body
from shared.documents.state import Documents
from shared.domain.document import Document, Ref
from shared.domain.errors import Rejected
from shared.domain.ids import LogGeneration, RequestId, Revision
from shared.domain.log import ReplicationMode, empty_position
from shared.events.config import ChangesAccepted, DocumentsRead, ProposeChanges, ProposedChange
from tests.unit.gateway.conftest import InMemoryGateway, People

if TYPE_CHECKING:
    from services.gateway.configuration.proposals import Proposals
    from services.gateway.configuration.reader import ConfigurationReader

ADMIN = {"role": "administrator", "password_hash": "sealed"}
LARGE = "x" * 150_000
PASSWORDS = Passwords(
    SiteSecret.generate(), PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
)


class Primary:
    """The primary's own judgement of proposals, over documents in memory."""

    def __init__(self, bodies: dict[Ref, dict[str, Any]]) -> None:
        self.revision = Revision(1)
        self.documents = Documents(
            {ref: Document(*ref, self.revision, body) for ref, body in bodies.items()}
        )
        self.refs = set(bodies)

    async def read(self, id_: str | None = None) -> DocumentsRead:
        found = (self.documents.get(*ref) for ref in self.refs)
        return DocumentsRead(
            position=replace(empty_position(LogGeneration(1)), revision=self.revision),
            mode=ReplicationMode.SYNCHRONOUS,
            documents=tuple(each for each in found if each is not None),
        )

    async def propose(
        self, request_id: RequestId, author: str, changes: Sequence[ProposedChange], _: float
    ) -> ChangesAccepted:
        proposal = ProposeChanges(request_id=request_id, author=author, changes=tuple(changes))
        batch = build_batch(self.documents, (proposal,), {}, self.revision)
        for refusal in batch.refused.values():
            raise refusal
        self.revision = Revision(self.revision + 1)
        made = {Ref(each.kind, each.id): each.body for each in batch.changes}
        self.documents = self.documents.with_(made, self.revision)
        self.refs |= set(made)
        return ChangesAccepted(
            revision=self.revision, durable_on=("alpha",), mode=ReplicationMode.SYNCHRONOUS
        )


def outcome(before: dict[Ref, dict[str, Any]], wanted: ApplyRequest) -> tuple[object, bool]:
    """What came of it: the refusal's code, words and field, or the changes; whether it wrote."""
    primary = Primary(before)
    editor = Editor(cast("ConfigurationReader", primary), cast("Proposals", primary), PASSWORDS)
    try:
        changes, _ = asyncio.run(editor.apply(wanted, Edit("admin", RequestId("r"))))
    except Rejected as error:
        return (error.code, error.message, error.attributes), primary.revision > 1
    return changes, primary.revision > 1


ids = st.sampled_from(["berlin", "Berlin", "tokyo", "a b", " x", "x\n", "007", "alpha", SITE_ID])
hosts = st.sampled_from(["a.example", "A.example.", "b.example", "b..example", "a\u202e"])
names = st.lists(ids, max_size=2)
nodes: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"role": st.sampled_from(["traffic", "master"])},
    optional={
        "public_address": st.fixed_dictionaries({"host": hosts, "port": st.sampled_from([1, 0])}),
        "prefixes": st.lists(st.sampled_from(["10.0.0.0/8", "::ffff:10.0.0.0/104"]), max_size=2),
        "timezone": st.sampled_from(["UTC", "localtime", "+15:00"]),
        "region": st.sampled_from(["eu", LARGE, LARGE * 4]),
    },
)
users = st.fixed_dictionaries(
    {"role": st.sampled_from(["administrator", "auditor"])},
    optional={"disabled": st.booleans(), "pinned_node": ids},
)
teams = st.fixed_dictionaries({"members": names})
public_sites = st.fixed_dictionaries(
    {"hostnames": st.lists(hosts, max_size=2), "teams": names},
    optional={"selection": st.just({"methods": ["a_record"]})},
)
webhooks = st.fixed_dictionaries(
    {"url": st.sampled_from(["https://a.example/", "http://127.0.0.1:80800/"])}
)
sites = st.fixed_dictionaries({"name": st.sampled_from(["s", ""])})
BODIES: dict[Kind, st.SearchStrategy[dict[str, Any]]] = {
    Kind.SITE: sites,
    Kind.NODE: nodes,
    Kind.USER: users,
    Kind.TEAM: teams,
    Kind.PUBLIC_SITE: public_sites,
    Kind.WEBHOOK: webhooks,
}
documents: st.SearchStrategy[dict[str, Any]] = st.sampled_from(list(Kind)).flatmap(
    lambda kind: st.fixed_dictionaries({"kind": st.just(kind), "id": ids, "body": BODIES[kind]})
)
GOOD: dict[Ref, dict[str, Any]] = {
    Ref(Kind.SITE, SITE_ID): {"name": "s"},
    Ref(Kind.NODE, "alpha"): {"role": "master"},
    Ref(Kind.NODE, "berlin"): {
        "role": "traffic",
        "public_address": {"host": "a.example", "port": 1},
    },
    Ref(Kind.USER, "admin"): ADMIN,
    Ref(Kind.USER, "rita"): {"role": "representative", "pinned_node": "berlin"},
    Ref(Kind.TEAM, "desk"): {"members": ["rita"]},
    Ref(Kind.PUBLIC_SITE, "help"): {"hostnames": ["help.example"], "teams": ["desk"]},
}
STORED = {ref: validate_body(DOCUMENTS[Kind(ref[0])], ref[1], body) for ref, body in GOOD.items()}
befores = st.sets(st.sampled_from(sorted(STORED))).map(
    lambda refs: {ref: STORED[ref] for ref in refs}
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(befores, st.lists(documents, max_size=6), st.booleans())
def test_a_dry_run_refuses_exactly_what_an_apply_refuses(
    before: dict[Ref, dict[str, Any]], wanted: list[dict[str, Any]], prune: bool
) -> None:
    body = {"documents": wanted, "prune": prune}
    planned, wrote = outcome(before, ApplyRequest.model_validate({**body, "dry_run": True}))
    done, _ = outcome(before, ApplyRequest.model_validate(body))

    assert planned == done
    assert not wrote


@pytest.mark.parametrize(
    ("document", "field", "sentence"),
    [
        (("node", "Berlin", {"role": "traffic"}), "id", "'Berlin' is no node name"),
        (("user", "ri\nta", {"role": "auditor"}), "id", "is no name"),
        (("site", "other", {"name": "s"}), "id", "the site's document is called 'site'"),
        (
            ("team", "desk", {"members": ["nobody"]}),
            "members",
            "there is no user 'nobody'",
        ),
        (
            ("public_site", "help", {"hostnames": ["h"], "selection": {"methods": ["a_record"]}}),
            "selection.a_record",
            "the site says none, so the method a_record needs its name",
        ),
        (
            ("webhook", "chat", {"url": "http://127.0.0.1:80800/"}),
            "url",
            "the port 80800 does not lie in 1 to 65535",
        ),
        (
            (
                "node",
                "berlin",
                {"role": "traffic", "public_address": {"host": "relay..example.com", "port": 1}},
            ),
            "public_address.host",
            "a label is empty",
        ),
        (("node", "large", {"role": "traffic", "region": LARGE * 4}), None, "too large"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
async def test_the_api_refuses_what_cannot_work(
    people: People,
    fake: InMemoryGateway,
    document: tuple[str, str, dict[str, Any]],
    field: str | None,
    sentence: str,
    dry_run: bool,
) -> None:
    admin = await people.admin()
    revision = fake.site.revision
    kind, id_, body = document
    wanted = {"documents": [{"kind": kind, "id": id_, "body": body}], "dry_run": dry_run}

    answer = await admin.call("POST", "/apply", wanted)

    refusal = answer.json()
    assert (answer.status_code, refusal["code"]) == (422, "invalid_change")
    assert refusal.get("field") == field
    assert sentence in refusal["detail"]
    assert fake.site.revision == revision


async def test_a_dry_run_refuses_to_prune_what_is_named(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    fake.site.write(Kind.NODE, "alpha", {"role": "master"})
    own = {"kind": "user", "id": "admin", "body": {"role": "administrator"}}

    answers = [
        await admin.call("POST", "/apply", {"documents": [own], "prune": True, "dry_run": dry})
        for dry in (True, False)
    ]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert "only traffic nodes can be deleted" in answers[0].json()["detail"]
    assert answers[0].json() == answers[1].json()
    assert (Kind.NODE, "alpha") in fake.site.documents


async def test_what_an_earlier_release_stored_stands_in_nobodys_way(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    old = {"role": "traffic", "public_address": {"host": "Relay..example", "port": 1}}
    fake.site.write(Kind.NODE, "old", old)
    new = {"kind": "node", "id": "new", "body": {"role": "traffic"}}

    assert (await admin.call("POST", "/apply", {"documents": [new]})).status_code == 200
    same = {"kind": "node", "id": "old", "body": old}
    assert (await admin.call("POST", "/apply", {"documents": [same]})).json()["changes"] == []
    other = {**same, "body": {**old, "region": "eu"}}
    assert (await admin.call("POST", "/apply", {"documents": [other]})).status_code == 422
    fixed = {**old, "public_address": {"host": "Relay.example", "port": 1}}
    answer = await admin.call("PUT", "/nodes/old", fixed)

    assert answer.status_code == 200
    assert (
        fake.site.documents[Ref(Kind.NODE, "old")].body["public_address"]["host"] == "relay.example"
    )
