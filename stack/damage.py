"""Damages a running site: kills, freezes and thaws, node by node or service by service.

A kill is SIGKILL to all of the processes at once, as when a machine loses power: nobody says
goodbye, nothing is flushed. A freeze is SIGSTOP, as when a virtual machine is paused. A cut holds
what travels between machines, one direction at a time.
"""

import signal
from collections.abc import Iterable

from shared.domain.node import NodeRole
from stack import nats, partition
from stack.failure import StartFailed
from stack.process_group import ProcessGroup


class Damage:
    """Kills, freezes and cuts the processes of a site."""

    def __init__(self, processes: ProcessGroup) -> None:
        self.processes = processes

    async def kill_node(self, node: str) -> None:
        """Kill everything that *node* runs: services, NATS server and PostgreSQL."""
        await self.processes.kill(self.processes.of(node))

    async def kill_master(self, node: str) -> None:
        """Kill a master's machine.

        Raises:
            StartFailed: *node* is no master.
        """
        if self.processes.layout.node(node).place.role is not NodeRole.MASTER:
            raise StartFailed(f"{node} is no master")
        await self.kill_node(node)

    async def kill_service(self, node: str, service: str) -> None:
        """Kill one service (or `nats`, or `postgres`) of *node*."""
        await self.processes.kill(self.processes.of(node, service))

    async def stop_control_plane(self) -> None:
        """Kill both masters and every NATS server, all at once; traffic nodes run on."""
        servers = self.processes.layout.servers
        await self.processes.kill(
            child for node in servers for child in self.processes.of(node.name)
        )

    async def lose_the_log(self) -> None:
        """Kill every NATS server at once and remove all that they have stored."""
        servers = self.processes.layout.servers
        keys = [(str(node.name), "nats") for node in servers]
        children = [self.processes.members[key] for key in keys if key in self.processes.members]
        await self.processes.kill(child for child in children if child.is_running)
        for node in servers:
            nats.wipe(self.processes.layout, node)

    def freeze(self, node: str, *services: str) -> None:
        """Stop the clock of *node*, or of some of its services only."""
        self.processes.fork_server.send(self.processes.of(node, *services), signal.SIGSTOP)

    def thaw(self, node: str, *services: str) -> None:
        """Let what was frozen run on."""
        self.processes.fork_server.send(self.processes.of(node, *services), signal.SIGCONT)

    async def cut(self, directions: Iterable[tuple[str, str]]) -> None:
        """Cut every one of *directions*, from a node to a node, and mend all others.

        Raises:
            StartFailed: the site was not started with links that can be cut.
        """
        await partition.cut(self.processes.layout, directions)
