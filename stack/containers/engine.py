"""Runs the engine's commands, and reads what they answer.

Nothing else of this package starts a process of Docker. Compose is asked for what the files define
(a hash of each service) and told to start services; the engine is asked for what there is.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shared.decoding.errors import Undecodable
from shared.decoding.fields import Fields
from shared.decoding.jsontext import FILE, decode_json
from shared.decoding.text import to_integer
from shared.domain.errors import BadSettings
from stack.containers.core.facts import Container
from stack.failure import StartFailed

LABEL: Final = "com.docker.compose"
LAST_LINES: Final = 12


@dataclass(frozen=True)
class ComposeProject:
    """A project of Compose: its name, its files below *root* (none: the usual), its variables.

    *settings* is the `.env` that Compose would not find by itself; None for the usual one.
    """

    root: Path
    name: str
    files: tuple[str, ...] = ()
    settings: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    def run(self, *arguments: str, shown: bool = False) -> str:
        """Run a command of Compose and return its output; *shown*: it writes to the terminal.

        Raises:
            StartFailed: it failed; the message holds the end of what it said.
        """
        files = [word for name in self.files for word in ("--file", name)]
        settings = [] if self.settings is None else ["--env-file", str(self.settings)]
        command = ("docker", "compose", "--project-name", self.name, *settings, *files, *arguments)
        return run(command, self.root, self.environment, shown=shown)

    def definitions(self) -> dict[str, str]:
        """A hash of what the files say about each service."""
        lines = self.run("config", "--hash", "*").splitlines()
        return dict(line.split(maxsplit=1) for line in lines if line.strip())


def run(
    command: Iterable[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    shown: bool = False,
) -> str:
    """Run *command* in *folder*, with *environment* added to ours; return its output.

    Raises:
        BadSettings: Docker is not there.
        StartFailed: it failed.
    """
    words = tuple(command)
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=None if shown else subprocess.PIPE,
            stderr=None if shown else subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise BadSettings(f"{words[0]} is missing: install Docker with Compose 2.24") from error
    if done.returncode:
        output = "" if shown else _last_lines(done.stderr + done.stdout)
        name = " ".join(word for word in words[:2])
        raise StartFailed(f"{name} ended with code {done.returncode}{output}")
    return done.stdout or ""


def containers(root: Path, project: str) -> tuple[Container, ...]:
    """The containers of *project*, and of the extra projects in its network."""
    mark = f"label={LABEL}.project"
    ids = run(("docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", mark), root).split()
    if not ids:
        return ()
    return read_containers(run(("docker", "inspect", "--type", "container", *ids), root), project)


def read_containers(text: str, project: str) -> tuple[Container, ...]:
    """Read the answer of `docker inspect`: those of *project* and of its extras.

    Raises:
        Undecodable: the answer is none.
    """
    value = decode_json(text, FILE)
    if not isinstance(value, list):
        raise Undecodable("docker inspect: no list", reason="bad_shape")
    objects = [Fields(each, "docker inspect") for each in value]
    return tuple(read_container(each) for each in objects if _is_of(project, each))


def image_ids(root: Path, names: Iterable[str]) -> dict[str, str]:
    """The id that each image's name has now; a name without an image is left out."""
    wanted = sorted(set(names))
    command = ("docker", "image", "inspect", "--format", "{{.Id}}")
    with contextlib.suppress(StartFailed):
        return dict(zip(wanted, run((*command, *wanted), root).split(), strict=True))
    found = dict[str, str]()
    for name in wanted:
        with contextlib.suppress(StartFailed):
            found[name] = run((*command, name), root).strip()
    return found


def volumes(root: Path, project: str) -> tuple[str, ...]:
    """The volumes of *project*."""
    mark = f"label={LABEL}.project={project}"
    return tuple(run(("docker", "volume", "ls", "--quiet", "--filter", mark), root).split())


def read_container(each: Fields) -> Container:
    """Read one object of `docker inspect`."""
    config, state = each.object("Config"), each.object("State")
    labels = config.object("Labels")
    variables = dict(_pair(text) for text in config.items("Env")) if "Env" in config else {}
    health = state.object("Health") if "Health" in state else None
    return Container(
        project=labels.text(f"{LABEL}.project"),
        service=labels.text(f"{LABEL}.service"),
        name=each.text("Name").removeprefix("/"),
        definition=labels.text(f"{LABEL}.config-hash"),
        image=config.text("Image"),
        image_id=each.text("Image"),
        status=state.text("Status"),
        health="" if health is None else health.text("Status"),
        detail="" if health is None else _last_answer(health),
        restarts=each.integer("RestartCount"),
        node=variables.get("MERIDIAN_NODE", ""),
        port=_published_port(each.object("HostConfig")),
    )


def _is_of(project: str, each: Fields) -> bool:
    """Say whether a container is of *project* or an extra one; that of a one-off is neither."""
    labels = each.object("Config").object("Labels")
    if f"{LABEL}.oneoff" in labels and labels.text(f"{LABEL}.oneoff") == "True":
        return False
    name = labels.text(f"{LABEL}.project")
    networks = each.object("NetworkSettings").object("Networks")
    is_extra = name.startswith(f"{project}-") and f"{project}_default" in networks
    return name == project or is_extra


def _pair(text: object) -> tuple[str, str]:
    name, _, value = str(text).partition("=")
    return name, value


def _last_answer(health: Fields) -> str:
    answers = list(health.objects("Log")) if "Log" in health else []
    return answers[-1].text("Output") if answers else ""


def _published_port(host: Fields) -> int:
    """The first port of the machine at which the container can be reached; 0 for none."""
    bindings = host.object("PortBindings") if "PortBindings" in host else None
    for name in bindings.members if bindings is not None else ():
        for binding in bindings.objects(name) if bindings is not None else ():
            if text := binding.text("HostPort"):
                return to_integer(text, least=0, most=65535)
    return 0


def _last_lines(text: str) -> str:
    return "".join(f"\n    {line}" for line in text.strip().splitlines()[-LAST_LINES:])
