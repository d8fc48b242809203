"""HTTP of the cluster: its nodes' status, their public keys, and sync."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends

from services.gateway.access.callers import TheCaller
from services.gateway.cluster.cluster import Cluster
from services.gateway.cluster.core.survival import describe_survival
from services.gateway.cluster.sync import FollowerSync
from services.gateway.core.roles import Action
from services.gateway.http.bodies import DecodedRoute
from services.gateway.http.provided import provided
from shared.api.cluster import ClusterStatus, NodeStatus, SyncReport, SyncRequest
from shared.documents.node import NodeDocument
from shared.domain.ids import NodeId

router = APIRouter(tags=["cluster"], route_class=DecodedRoute)


TheCluster = Annotated[Cluster, Depends(provided(Cluster))]
TheFollowerSync = Annotated[FollowerSync, Depends(provided(FollowerSync))]


@router.get("/status")
async def status(cluster: TheCluster, caller: TheCaller) -> ClusterStatus:
    """List every node, with role, liveness, position and load."""
    del caller
    directory, primary = cluster.directory, cluster.find_primary()
    facts, clocks = cluster.find_facts(), cluster.clocks()
    servers = facts.log.states
    nodes = [
        _node_status(cluster, node, each).model_copy(
            update={"log_server": servers.get(node), "clock": clocks.get(node)}
        )
        for node, each in directory.nodes.items()
    ]
    return ClusterStatus(
        site=directory.require_site().name,
        seen_by=cluster.node,
        primary=None if primary is None else primary.node,
        revision=directory.revision,
        nodes=tuple(sorted(nodes, key=lambda each: (each.role, each.node))),
        failures=facts.forecast(),
        survival=describe_survival(facts),
        is_well=facts.is_well and len(facts.masters) == len(cluster.masters()),
    )


@router.get("/keys")
async def keys(cluster: TheCluster) -> dict[NodeId, str]:
    """List every node's public key (Ed25519, base64): what its events are checked with.

    Open to everybody: the keys are public, and the tools that need them have no account.
    """
    nodes = sorted(cluster.directory.nodes.items())
    return {node: document.public_key for node, document in nodes if document.public_key}


@router.post("/sync")
async def sync(
    body: SyncRequest, followers: TheFollowerSync, caller: TheCaller
) -> list[SyncReport]:
    """Make followers catch up now and prove their position; one row for each."""
    caller.require(Action.OPERATE)
    proofs = await followers.sync(body.nodes, caller.user, resync=body.resync)
    return [SyncReport(ok=each.ok, **asdict(each)) for each in proofs]


def _node_status(cluster: Cluster, node: NodeId, document: NodeDocument) -> NodeStatus:
    report = cluster.report(node)
    role, load, position = report.role, report.load, report.position
    return NodeStatus(
        node=node,
        role=document.role,
        region=document.region,
        liveness=report.liveness,
        acts_as=role.acts_as,
        epoch=role.epoch,
        revision=position.revision,
        follower=position.follower,
        lag=position.lag,
        sessions=load.sessions,
        connections=load.connections,
        bytes_per_second=load.bytes_per_second,
        draining=load.draining,
        accepting_new_clients=document.accepting_new_clients,
        could_take_over=role.could_take_over,
        reasons=role.reasons,
        version=report.version,
        services=report.services,
    )
