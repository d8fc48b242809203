"""The cluster as people see it: who is up, who is primary, and who follows."""

from contextlib import nullcontext
from dataclasses import asdict

from fastapi import APIRouter

from services.gateway.core.access import Action
from services.gateway.operations import told
from services.gateway.routes.bodies import DecodedRoute
from services.gateway.routes.door import Door, TheCaller, TheDoor
from services.gateway.syncing import sync_now
from shared.api.cluster import ClusterStatus, NodeStatus, SyncReport, SyncRequest
from shared.documents.node import NodeDocument
from shared.domain.ids import NodeId
from shared.domain.liveness import Liveness
from shared.domain.node import MasterRole

router = APIRouter(tags=["cluster"], route_class=DecodedRoute)


@router.get("/status")
async def status(door: TheDoor, caller: TheCaller) -> ClusterStatus:
    """Every node, with role, liveness, position and load."""
    del caller
    nodes = [_node_status(door, node, document) for node, document in door.directory.nodes.items()]
    primaries = [each.node for each in nodes if each.acts_as is MasterRole.PRIMARY]
    return ClusterStatus(
        site=door.site().name,
        seen_by=door.node,
        primary=primaries[0] if primaries else None,
        revision=door.directory.revision,
        nodes=tuple(sorted(nodes, key=lambda each: (each.role, each.node))),
    )


@router.get("/keys")
async def keys(door: TheDoor) -> dict[NodeId, str]:
    """Every node's public key (Ed25519, base64): what its events are checked with.

    Open to everybody: the keys are public, and the tools that need them have no account.
    """
    nodes = sorted(door.directory.nodes.items())
    return {node: document.public_key for node, document in nodes if document.public_key}


@router.post("/sync")
async def sync(body: SyncRequest, door: TheDoor, caller: TheCaller) -> list[SyncReport]:
    """Make followers catch up now and prove their position; one row for each.

    Whoever watches a site may ask every minute, so only what replaces a copy is told.
    """
    caller.require(Action.OPERATE)
    record = told(door, "resync", caller.user, body.nodes) if body.resync else nullcontext()
    with record:
        proofs = await sync_now(door, body.nodes, resync=body.resync)
    return [SyncReport(ok=each.ok, **asdict(each)) for each in proofs]


def _node_status(door: Door, node: NodeId, document: NodeDocument) -> NodeStatus:
    relay = door.observed.heard(node, "relay")
    monitor = door.observed.heard(node, "failover_monitor")
    alive = door.observed.liveness(node, door.site().timing, door.clock.now())
    progress = door.observed.progress(node)
    acting = monitor.heartbeat if monitor and alive is not Liveness.DEAD else None
    load = relay.heartbeat if relay else None
    last = door.observed.freshest(node)
    return NodeStatus(
        node=node,
        role=document.role,
        region=document.region,
        liveness=alive,
        acts_as=acting.role if acting else None,
        epoch=acting.epoch if acting else None,
        revision=progress.revision if progress else None,
        follower=progress.state if progress else None,
        lag=progress.lag if progress else None,
        sessions=load.sessions if load else None,
        connections=load.connections if load else None,
        bytes_per_second=load.bytes_per_second if load else None,
        draining=bool(load and load.draining),
        accepting_new_clients=document.accepting_new_clients,
        could_take_over=acting.could_take_over if acting else None,
        reasons=acting.reasons if acting else (),
        version=load.version if load else (acting.version if acting else None),
        services=last.heartbeat.services if last else (),
    )
