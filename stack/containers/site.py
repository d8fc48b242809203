"""A site in containers on this machine: its settings, its projects, its containers, its extras."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.containers import engine
from stack.containers.core.extras import FILE, Extra, adopt, format_extras, read_extras
from stack.containers.core.facts import Container, Project, Unit, build_units
from stack.containers.engine import ComposeProject
from stack.containers.settings import Settings

NATS_SERVERS: Final = "nats://witness-nats:4222,nats://alpha-nats:4222,nats://bravo-nats:4222"
SETTINGS_FILE: Final = ".env"


@dataclass(frozen=True)
class ContainerSite:
    """The site of docker-compose.yml with *settings*.

    *shared* are variables that every command of Compose gets beside those of the shell and `.env`.
    """

    settings: Settings
    shared: Mapping[str, str]

    @property
    def root(self) -> Path:
        return self.settings.root

    @property
    def main(self) -> ComposeProject:
        """The project of docker-compose.yml."""
        return ComposeProject(self.root, self.settings.project, environment=self.shared)

    def extra_project(self, extra: Extra) -> ComposeProject:
        """The project of an extra node or gateway, beside the main one."""
        environment = {
            **self.shared,
            "NODE": extra.node,
            "SITE_SECRETS": str(self.settings.secrets),
            "SITE_NETWORK": f"{self.settings.project}_default",
            "NATS_SERVERS": NATS_SERVERS,
            extra.port_variable: str(extra.port),
        }
        file = self.root / SETTINGS_FILE
        name = f"{self.settings.project}-{extra.name}"
        settings = file if file.exists() else None
        return ComposeProject(self.root, name, extra.files, settings, environment)

    def containers(self) -> tuple[Container, ...]:
        """The containers that there are, running or not."""
        return engine.containers(self.root, self.settings.project)

    def volumes(self) -> tuple[str, ...]:
        """The volumes of the site's own project."""
        return engine.volumes(self.root, self.settings.project)

    def units(self, containers: Iterable[Container], extras: Iterable[Extra]) -> tuple[Unit, ...]:
        """The site's units and those of *extras*, with their state."""
        found = tuple(containers)
        projects = [Project(self.main.name, self.main.definitions())]
        for extra in sorted(extras):
            project = self.extra_project(extra)
            projects.append(
                Project(project.name, project.definitions(), extra.unit_kind, extra.node)
            )
        images = engine.image_ids(self.root, (each.image for each in found))
        return build_units(projects, found, images)

    def extras(self, containers: Iterable[Container]) -> frozenset[Extra]:
        """The extras of the record, and those of which there are only containers.

        Raises:
            BadSettings: the record is damaged.
        """
        return adopt(self._recorded(), containers, self.settings.project)

    def record(self, extras: Iterable[Extra]) -> None:
        """Write the record of *extras*; an empty one is no file."""
        path = self.settings.secrets / FILE
        if wanted := frozenset(extras):
            draft = path.with_name(f"{FILE}.new")
            draft.write_text(format_extras(wanted))
            draft.replace(path)
        else:
            path.unlink(missing_ok=True)

    def _recorded(self) -> frozenset[Extra]:
        path = self.settings.secrets / FILE
        try:
            return read_extras(path.read_text(errors="replace"), str(path))
        except FileNotFoundError:
            return frozenset()
