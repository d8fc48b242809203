"""A backup of another site brings its configuration, and nothing that belongs to that site."""

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.backups.core.another_site import FOUND_BY, REACHED_BY, adapt_to_site
from services.gateway.configuration.core import Edit, check_parts, plan_changes
from shared.documents import DOCUMENTS, SITE_ID, Kind
from shared.domain.document import Document, Ref
from shared.domain.ids import ClusterId, RequestId, Revision
from tests.unit.gateway.backups.test_backups import PHRASE, made, passphrase, sent
from tests.unit.gateway.conftest import InMemoryGateway, People

SITE: Final = Ref(Kind.SITE, SITE_ID)
HERE_KEY, THERE_KEY = "H" * 43 + "=", "T" * 43 + "="
HOOK = {"url": "https://receiver.there.example/events"}
assert PHRASE


def body(kind: Kind, **given: Any) -> dict[str, Any]:
    return DOCUMENTS[kind].model_validate(given).model_dump(mode="json")


def node(where: str, role: str = "traffic", name: str = "relay", **more: Any) -> dict[str, Any]:
    """The node *name* at *where*, with the key of its site."""
    return body(
        Kind.NODE,
        role=role,
        region=where,
        public_address={"host": f"{name}.{where}.example", "port": 7_443},
        gateway_url=f"https://{name}.{where}.example" if role == "master" else None,
        public_key=HERE_KEY if where == "here" else THERE_KEY,
        **more,
    )


def site(where: str, **more: Any) -> dict[str, Any]:
    shared_ip = {"address": "192.0.2.10/24" if where == "here" else "198.51.100.10/24"}
    redirection = {"method": "shared_ip", "shared_ip": shared_ip}
    failover = {"probe_targets": [f"router.{where}.example:443"], "automatic": where == "here"}
    return body(
        Kind.SITE,
        name=f"support.{where}.example",
        redirection=redirection,
        failover=failover,
        session={"idle_seconds": 60 if where == "here" else 90},
        **more,
    )


def test_a_node_that_is_here_keeps_how_it_is_reached_and_takes_what_it_is_used_for() -> None:
    there = node("there", "master", capacity=7, maintenance=True, accepting_new_clients=False)
    here = node("here", "master")

    found = adapt_to_site({Ref(Kind.NODE, "alpha"): there}, {Ref(Kind.NODE, "alpha"): here})

    alpha = found.bodies[Ref(Kind.NODE, "alpha")]
    assert {name: alpha[name] for name in REACHED_BY} == {name: here[name] for name in REACHED_BY}
    assert (alpha["maintenance"], alpha["accepting_new_clients"]) == (False, True)
    assert (alpha["capacity"], alpha["region"]) == (7, "there")
    (kept,) = found.kept
    assert kept == (
        "node/alpha: kept as here: public_address, gateway_url, public_key, "
        "accepting_new_clients, maintenance"
    )


def test_a_node_that_is_not_here_comes_without_addresses_and_key() -> None:
    found = adapt_to_site({Ref(Kind.NODE, "lisbon"): node("there", capacity=7)}, {})

    lisbon = found.bodies[Ref(Kind.NODE, "lisbon")]
    assert lisbon["capacity"] == 7
    assert not any(lisbon.get(name) for name in REACHED_BY)
    assert found.kept == [
        "node/lisbon comes without addresses and key: it is no machine of this site"
    ]


@pytest.mark.parametrize("role", ["master", "witness"])
def test_a_master_that_is_not_here_does_not_come_and_nobody_is_pinned_to_it(role: str) -> None:
    rita, paul = Ref(Kind.USER, "rita"), Ref(Kind.USER, "paul")
    backup = {
        Ref(Kind.NODE, "north"): node("there", role),
        Ref(Kind.NODE, "lisbon"): node("there"),
        rita: body(Kind.USER, role="representative", pinned_node="north"),
        paul: body(Kind.USER, role="representative", pinned_node="lisbon"),
    }

    found = adapt_to_site(backup, {})

    assert Ref(Kind.NODE, "north") not in found.bodies
    assert (found.bodies[rita]["pinned_node"], found.bodies[paul]["pinned_node"]) == (
        None,
        "lisbon",
    )
    assert f"node/north is left out: it is a {role} of the other site" in found.kept
    assert "user/rita: pinned_node is left out: there is no node north here" in found.kept


def test_nodes_of_this_site_stay_even_where_the_rest_is_pruned() -> None:
    tokyo = Ref(Kind.NODE, "tokyo")
    here = {tokyo: node("here"), Ref(Kind.TEAM, "local"): body(Kind.TEAM)}

    found = adapt_to_site({}, here)

    assert found.bodies == {tokyo: here[tokyo]}
    assert found.kept == ["node/tokyo stays: it is a machine of this site"]


def test_the_site_keeps_its_name_its_redirection_and_its_probe_targets() -> None:
    found = adapt_to_site({SITE: site("there")}, {SITE: site("here")})

    mine, adapted = site("here"), found.bodies[SITE]
    assert (adapted["name"], adapted["redirection"]) == (mine["name"], mine["redirection"])
    assert adapted["failover"] == {**mine["failover"], "automatic": False}
    assert adapted["session"]["idle_seconds"] == 90
    assert found.kept == [
        "site/site: kept as here: failover.probe_targets",
        "site/site: kept as here: name, redirection",
    ]


RECORD = {"name": "relay.there.example"}
ANYCAST = {"host": "198.51.100.1", "port": 443}


@pytest.mark.parametrize(
    ("there", "here", "methods"),
    [
        ({"methods": ["a_record", "geo"], "a_record": RECORD}, {}, ["geo"]),
        ({"methods": ["ip_anycast"], "ip_anycast": ANYCAST}, {}, ["random"]),
        (
            {"methods": ["ip_anycast", "latency"], "ip_anycast": ANYCAST},
            {"ip_anycast": {"host": "192.0.2.1", "port": 443}},
            ["ip_anycast", "latency"],
        ),
    ],
)
def test_endpoints_find_nodes_by_this_sites_own_names(
    there: dict[str, Any], here: dict[str, Any], methods: list[str]
) -> None:
    team = Ref(Kind.TEAM, "support")
    backup = {
        SITE: site("there", selection=there),
        team: body(Kind.TEAM, selection=there),
    }

    found = adapt_to_site(backup, {SITE: site("here", selection=here)})

    selection = found.bodies[SITE]["selection"]
    assert selection["methods"] == methods
    assert "there" not in json.dumps([selection[name] for name in FOUND_BY])
    assert selection["ip_anycast"] == here.get("ip_anycast")
    override = found.bodies[team]["selection"]
    assert override["methods"] == (methods if methods != ["random"] else None)
    assert not any(override.get(name) for name in FOUND_BY)


def test_a_webhook_comes_disabled_and_begins_with_what_happens_after_it_is_confirmed() -> None:
    crm = Ref(Kind.WEBHOOK, "crm")
    there = body(Kind.WEBHOOK, **HOOK, since="2026-01-01T00:00:00Z")

    found = adapt_to_site({crm: there}, {crm: body(Kind.WEBHOOK, url="https://other.example/")})

    assert (found.bodies[crm]["enabled"], found.bodies[crm]["since"]) == (False, None)
    (kept,) = found.kept
    assert kept == (
        "webhook/crm comes disabled: `meridian webhook enable crm` confirms that this site is to "
        "deliver to https://receiver.there.example/events"
    )


@pytest.mark.parametrize("is_enabled", [True, False])
def test_a_webhook_that_goes_to_the_same_receiver_from_here_stays_as_it_is(
    is_enabled: bool,
) -> None:
    crm = Ref(Kind.WEBHOOK, "crm")
    here = body(Kind.WEBHOOK, **HOOK, enabled=is_enabled, secret_number=3)

    found = adapt_to_site({crm: body(Kind.WEBHOOK, **HOOK, events=["failover.>"])}, {crm: here})

    adapted = found.bodies[crm]
    assert (adapted["enabled"], adapted["secret_number"]) == (is_enabled, 3)
    assert adapted["events"] == ["failover.>"]


NAMES = st.sampled_from(["alpha", "bravo", "lisbon", "tokyo"])
ROLES = {"alpha": "master", "bravo": "master", "lisbon": "traffic", "tokyo": "traffic"}
POLICY = st.lists(
    st.sampled_from(["a_record", "srv_record", "ip_anycast", "geo", "latency"]),
    min_size=1,
    max_size=3,
    unique=True,
)


def world(where: str, nodes: set[str], methods: list[str]) -> dict[Ref, dict[str, Any]]:
    """A site at *where*: whatever belongs to it has its place in its text."""
    address = "192.0.2.1" if where == "here" else "198.51.100.1"
    found_by = {
        "a_record": {"name": f"relay.{where}.example"},
        "srv_record": {"name": f"_relay._tcp.{where}.example"},
        "ip_anycast": {"host": address, "port": 443},
    }
    selection = {"methods": methods, **{m: found_by[m] for m in methods if m in found_by}}
    pinned = {"pinned_node": min(nodes)} if nodes else {}
    return {
        SITE: site(where, selection=selection),
        **{Ref(Kind.NODE, name): node(where, ROLES[name], name) for name in sorted(nodes)},
        Ref(Kind.USER, "admin"): body(Kind.USER, role="administrator", **pinned),
        Ref(Kind.TEAM, "support"): body(Kind.TEAM, members=["admin"], selection=selection),
        Ref(Kind.WEBHOOK, "crm"): body(Kind.WEBHOOK, url=f"https://receiver.{where}.example/"),
    }


@given(st.sets(NAMES), st.sets(NAMES), POLICY, POLICY, st.booleans())
def test_the_primary_accepts_it_and_nothing_of_the_other_site_is_reached(
    there_nodes: set[str],
    here_nodes: set[str],
    there_methods: list[str],
    here_methods: list[str],
    prune: bool,
) -> None:
    backup = world("there", there_nodes, there_methods)
    here = world("here", here_nodes, here_methods)
    current = {ref: Document(ref.kind, ref.id, Revision(1), each) for ref, each in here.items()}

    wanted = adapt_to_site(backup, here).bodies
    changes = plan_changes(current, wanted, prune=prune)
    parts = list(check_parts(current, changes, Edit("admin", RequestId("r"))))

    assert [change for part in parts for change in part.changes] == list(changes)
    after = {ref: dict(each) for ref, each in here.items()}
    for change in changes:
        assert change.after is not None or change.kind is not Kind.NODE, "a machine of this site"
        if change.after is not None:
            after[Ref(change.kind, change.id)] = dict(change.after)
    for ref, each in after.items():
        if ref.kind == Kind.NODE:
            each["region"] = ""  # the place of a node is what it is used for
        text = json.dumps(each)
        is_asleep = ref.kind == Kind.WEBHOOK and not each["enabled"]
        assert is_asleep or ("there" not in text and THERE_KEY not in text), (ref, text)
        assert "198.51.100" not in text


async def test_from_another_site_keeps_addresses_and_keys_and_leaves_webhooks_disabled(
    people: People, fake: InMemoryGateway
) -> None:
    """The dry run says what will be kept, and the restore keeps it."""
    admin = await people.admin()
    documents = fake.site.documents
    fake.site.write(Kind.SITE, SITE_ID, site("there"))
    fake.site.write(Kind.NODE, "berlin", node("there"))
    fake.site.write(Kind.WEBHOOK, "crm", HOOK)
    backup = await made(admin, **passphrase())
    fake.gateway.backups.cluster_id = ClusterId("another0cluster0")
    fake.site.revision += 1
    fake.site.write(Kind.SITE, SITE_ID, site("here"))
    fake.site.write(Kind.NODE, "berlin", node("here"))
    fake.site.write(Kind.NODE, "tokyo", node("here", name="tokyo"))
    del documents[Ref(Kind.WEBHOOK, "crm")]

    path = "/backup/restore?from_another=true&prune=true"
    _, plan = await sent(admin, f"{path}&dry_run=true", backup, **passphrase())
    assert Ref(Kind.WEBHOOK, "crm") not in documents
    status, done = await sent(admin, path, backup, **passphrase())

    assert (status, done["changes"], done["kept"]) == (200, plan["changes"], plan["kept"])
    kept = "\n".join(str(each) for each in list(done["kept"]))  # type: ignore[call-overload]
    for words in ("node/berlin: kept as here", "node/tokyo stays", "webhook/crm comes disabled"):
        assert words in kept
    berlin = documents[Ref(Kind.NODE, "berlin")].body
    assert berlin["public_address"] == {"host": "relay.here.example", "port": 7_443}
    assert (berlin["public_key"], berlin["region"]) == (HERE_KEY, "there")
    assert documents[SITE].body["name"] == "support.here.example"
    assert documents[Ref(Kind.WEBHOOK, "crm")].body["enabled"] is False
    assert Ref(Kind.NODE, "tokyo") in documents


async def test_a_backup_of_this_site_brings_back_addresses_and_webhooks_as_they_were(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    fake.site.write(Kind.NODE, "berlin", node("here"))
    fake.site.write(Kind.WEBHOOK, "crm", HOOK)
    backup = await made(admin, **passphrase())
    fake.site.revision += 1
    fake.site.write(Kind.NODE, "berlin", node("there"))
    fake.site.write(Kind.WEBHOOK, "crm", {**HOOK, "enabled": False})

    path = "/backup/restore?from_another=true"
    status, done = await sent(admin, path, backup, **passphrase())

    assert (status, done["kept"]) == (200, [])
    berlin = fake.site.documents[Ref(Kind.NODE, "berlin")].body
    assert berlin["public_address"]["host"] == "relay.here.example"
    assert fake.site.documents[Ref(Kind.WEBHOOK, "crm")].body["enabled"] is True
