"""Every call of `shared/api` has its route: the same method, path, and type of the answer."""

from importlib import import_module
from inspect import getmembers, isfunction, signature
from pkgutil import iter_modules
from typing import Any

import pytest
from fastapi.routing import APIRoute, APIRouter
from pydantic import TypeAdapter
from starlette.routing import Match

import shared.api
from services.gateway.app import build_api
from shared.api import (
    accounts,
    backups,
    changes,
    cluster,
    conflicts,
    documents,
    failover,
    probes,
    queues,
    selection,
    sessions,
    status_history,
    webhooks,
)
from shared.api.call import Call
from shared.documents import Kind
from shared.domain.ids import NodeId, SessionId
from tests.unit.gateway.conftest import InMemoryGateway

ANSWERS_BY_STREAM = {"create_backup"}
ANSWERS_WITH_MORE = {"list_documents"}
"""The page also says of which revision it is, which no client needs."""

CALLS: dict[str, Call[Any]] = {
    "login": accounts.login(accounts.LoginRequest(username="rita", password="x")),
    "create_backup": backups.create_backup("passphrase"),
    "verify_backup": backups.verify_backup(),
    "restore_backup": backups.restore_backup(backups.RestoreOptions(prune=True), None),
    "list_changes": changes.list_changes(changes.ChangesQuery(limit=7)),
    "verify_log": changes.verify_log(),
    "rebuild_log": changes.rebuild_log(changes.RebuildRequest()),
    "cluster_status": cluster.cluster_status(),
    "node_keys": cluster.node_keys(),
    "sync": cluster.sync(cluster.SyncRequest()),
    "list_conflicts": conflicts.list_conflicts(),
    "read_conflict": conflicts.read_conflict("1"),
    "resolve_conflict": conflicts.resolve_conflict(
        "1", conflicts.ConflictDecision(resolution="apply")
    ),
    "apply": documents.apply(documents.ApplyRequest(documents=())),
    "export": documents.export(),
    "list_documents": documents.list_documents(Kind.NODE, documents.DocumentsQuery(limit=7)),
    "read_document": documents.read_document(Kind.USER, "rita"),
    "write_document": documents.write_document(Kind.USER, "rita", {}, expected=7),
    "switch_over": failover.switch_over(failover.SwitchoverRequest()),
    "check_failover": failover.check_failover(),
    "promote": failover.promote(failover.PromotionRequest(node=NodeId("alpha"))),
    "probe_plan": probes.probe_plan(sessions.EndpointFacts(), 1.0),
    "arrive": queues.arrive(queues.ArrivalRequest()),
    "list_waiting": queues.list_waiting("help"),
    "accept_customer": queues.accept_customer("1", sessions.RepresentativeFacts()),
    "select": selection.select(selection.SelectionQuestion()),
    "rehearse": selection.rehearse(
        selection.RehearsalRequest(
            clients=(
                selection.RehearsedClient(facts=selection.RehearsedFacts(address="192.0.2.7")),
            )
        )
    ),
    "open_session": sessions.open_session(sessions.RepresentativeFacts()),
    "list_sessions": sessions.list_sessions(),
    "join_session": sessions.join_session(SessionId("1"), sessions.EndpointFacts()),
    "close_session": sessions.close_session("1"),
    "status_history": status_history.status_history(status_history.StatusHistoryQuery()),
    "webhook_secret": webhooks.webhook_secret("ops"),
    "webhook_progress": webhooks.webhook_progress("ops"),
}


def declared() -> set[str]:
    """The functions of `shared.api` that give a call."""
    found = set[str]()
    for module in iter_modules(shared.api.__path__):
        for name, function in getmembers(import_module(f"shared.api.{module.name}"), isfunction):
            is_call = str(signature(function).return_annotation).startswith("shared.api.call.Call")
            if is_call and not name.startswith("_"):
                found.add(name)
    return found


def route_of(fake: InMemoryGateway, call: Call[Any]) -> APIRoute:
    path = call.path.partition("?")[0]
    scope = {"type": "http", "method": call.method, "path": path}
    routers = (getattr(each, "original_router", None) for each in build_api(fake.gateway).routes)
    for router in routers:
        for route in router.routes if isinstance(router, APIRouter) else ():
            if isinstance(route, APIRoute) and route.matches(scope)[0] is Match.FULL:
                return route
    raise AssertionError(f"there is no route for {call.method} {path}")


def test_every_call_is_compared_with_its_route() -> None:
    assert declared() == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_a_call_has_a_route_with_the_same_answer(fake: InMemoryGateway, name: str) -> None:
    call = CALLS[name]
    route = route_of(fake, call)
    if name in ANSWERS_BY_STREAM:
        return
    sent = TypeAdapter(route.response_model).json_schema(mode="validation")
    read = call.answer.json_schema(mode="validation")
    if name in ANSWERS_WITH_MORE:
        assert read["properties"].keys() < sent["properties"].keys()
    else:
        assert read == sent
