"""The verbs of a site in containers, as `make` calls them."""

import fcntl
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from shared.domain.errors import BadSettings
from stack.containers import engine
from stack.containers.core.extras import Extra, ExtraKind, with_extra
from stack.containers.core.facts import Unit
from stack.containers.core.preparation import SECRETS
from stack.containers.engine import ComposeProject
from stack.containers.new_node import NewNode, explain, make_node_key, node_document, serve
from stack.containers.prepare import prepare
from stack.containers.rollout import Rollout
from stack.containers.site import ContainerSite
from stack.containers.site_calls import SiteCalls

FILE: Final = "docker-compose.yml"

Report = Callable[[str], None]


@dataclass(frozen=True)
class Verbs:
    """What can be done with *site*; *report* takes sentences for people."""

    site: ContainerSite
    report: Report

    def make_secrets(self) -> None:
        """Make `.env` and the secrets, unless they are there."""
        with self._alone():
            prepare(self.site)

    def up(self) -> None:
        """Build the image, and bring the site to what its files say."""
        with self._alone():
            prepare(self.site)
            self._build()
            steps = self._roll_out()
            gateways = ", ".join(self.site.settings.gateways)
            state = "is up" if steps else "is up to date"
            self.report(f"the site {state}: {gateways}")

    def down(self, name: str, *, deletes_volumes: bool) -> None:
        """Remove the site's containers, or those of the extra called *name*, which is forgotten."""
        extras = self.site.extras(self.site.containers())
        chosen = [each for each in sorted(extras) if not name or each.name == name]
        if name and not chosen:
            known = ", ".join(each.name for each in sorted(extras)) or "there is none"
            raise BadSettings(f"{name} is no extra traffic node or gateway of this site: {known}")
        words = ("--volumes",) if deletes_volumes else ()
        for extra in chosen:
            self._remove(self.site.extra_project(extra), *words)
        if not name:
            self._remove(self.site.main, "--remove-orphans", *words)
        if name or deletes_volumes:
            self.site.record(extras - set(chosen))

    def list_containers(self) -> None:
        """Print every container of the site and of its extras."""
        containers = self.site.containers()
        units = self.site.units(containers, self.site.extras(containers))
        current = {(unit.project, state.name): state for unit in units for state in unit.services}
        rows = [("UNIT", "CONTAINER", "STATE", "VERSION")]
        for unit in units:
            mine = {state.name for state in unit.services}
            found = [c for c in containers if c.project == unit.project and c.service in mine]
            for each in sorted(found, key=lambda each: each.name):
                state = current[each.project, each.service]
                version = "current" if state.is_current else "out of date"
                rows.append((unit.name, each.name, each.health or each.status, version))
            rows += [(unit.name, name, "no container", "-") for name in _absent(unit)]
        for line in _aligned(rows):
            self.report(line)

    def add_traffic_node(self, node: NewNode, *, applies: bool) -> None:
        """Start one more traffic node, and put it into the configuration or say how."""
        with self._alone():
            self._require_site()
            key = make_node_key(self.site, node.name)
            self._add(Extra(ExtraKind.TRAFFIC_NODE, node.name, node.port))
            host = self.site.settings.host
            body = node_document(host, node, key)
            if not applies:
                for line in explain(self.site, node.name, body):
                    self.report(line)
                return
            with SiteCalls(self.site.settings) as calls:
                serve(calls, node.name, body)
            self.report(f"{node.name} serves at {host}:{node.port}")

    def add_gateway(self, master: str, port: int) -> None:
        """Start one more gateway of *master*."""
        with self._alone():
            self._require_site()
            names = {name.removesuffix("-config") for name in self.site.main.definitions()}
            if master not in names or f"{master}.key" not in SECRETS:
                raise BadSettings("of which master is this gateway? say NODE=alpha or NODE=bravo")
            self._add(Extra(ExtraKind.GATEWAY, master, port))
            self.report(f"one more gateway: https://{self.site.settings.host}:{port}")

    def _build(self) -> None:
        self.report("building the image, unless it is up to date")
        # An attestation would give each build of the same files another image.
        command = ("docker", "compose", "--project-name", self.site.main.name, "build", "--quiet")
        no_attestation = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        engine.run(command, self.site.root, {**self.site.shared, **no_attestation})

    def _roll_out(self, project: str | None = None) -> int:
        with SiteCalls(self.site.settings) as calls:
            return Rollout(self.site, calls, self.report, only=project).run()

    def _add(self, extra: Extra) -> None:
        """Record *extra*, and start it or bring it to what its files say."""
        before = self.site.extras(self.site.containers())
        self.site.record(with_extra(before, extra))
        self._roll_out(self.site.extra_project(extra).name)

    def _require_site(self) -> None:
        """Refuse an extra of a site that does not run.

        Raises:
            BadSettings: it does not.
        """
        project = self.site.settings.project
        if not any(each.project == project for each in self.site.containers()):
            raise BadSettings("the site does not run yet: make up")

    def _remove(self, project: ComposeProject, *words: str) -> None:
        self.report(f"stopping {project.name}")
        project.run("down", *words)

    @contextmanager
    def _alone(self) -> Generator[None]:
        """Wait until no other command changes a site of this clone."""
        with (self.site.root / FILE).open() as turn:
            try:
                fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self.report("waiting for another command of this clone")
                fcntl.flock(turn, fcntl.LOCK_EX)
            yield


def _absent(unit: Unit) -> list[str]:
    return [state.name for state in unit.services if state.number == 0]


def _aligned(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
