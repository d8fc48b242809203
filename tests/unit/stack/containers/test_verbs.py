"""The verbs that `make` calls, as far as they need no engine."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shared.domain.errors import BadSettings
from stack.containers.__main__ import MISUSED, main
from stack.containers.core.extras import Extra, ExtraKind, format_extras
from stack.containers.core.facts import Container, Project, Unit, build_units
from stack.containers.engine import ComposeProject
from stack.containers.settings import Settings
from stack.containers.site import ContainerSite
from stack.containers.verbs import Verbs

LISBON = Extra(ExtraKind.TRAFFIC_NODE, "lisbon", 7446)
GATEWAY = Extra(ExtraKind.GATEWAY, "alpha", 8445)
CONTAINERS = (
    Container("meridian", "berlin-relay", "meridian-berlin-relay-1", "#", "m", "new", "running"),
    Container("meridian-lisbon", "relay", "meridian-lisbon-relay-1", "#", "m", "old", "exited"),
)


@dataclass(frozen=True)
class RecordedProject(ComposeProject):
    done: list[str] = field(default_factory=list[str])

    def run(self, *arguments: str, shown: bool = False) -> str:
        self.done.append(" ".join((self.name, *arguments)))
        return ""


@dataclass(frozen=True)
class RecordedSite(ContainerSite):
    """A site whose commands are recorded."""

    done: list[str] = field(default_factory=list[str])

    @property
    def main(self) -> ComposeProject:
        return RecordedProject(self.root, "meridian", done=self.done)

    def extra_project(self, extra: Extra) -> ComposeProject:
        return RecordedProject(self.root, f"meridian-{extra.name}", done=self.done)

    def containers(self) -> tuple[Container, ...]:
        return CONTAINERS

    def units(self, containers: Iterable[Container], extras: Iterable[Extra]) -> tuple[Unit, ...]:
        main = Project("meridian", {"berlin-relay": "#", "berlin-replication": "#"})
        lisbon = Project("meridian-lisbon", {"relay": "#"}, LISBON.unit_kind, "lisbon")
        return build_units([main, lisbon], tuple(containers), {"m": "new"})


@pytest.fixture
def site(tmp_path: Path) -> RecordedSite:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "extras.json").write_text(format_extras({LISBON, GATEWAY}))
    return RecordedSite(Settings(tmp_path), {})


def recorded(site: RecordedSite) -> list[str]:
    path = site.settings.secrets / "extras.json"
    return [each["node"] for each in json.loads(path.read_text())["extras"]]


def test_down_removes_the_extras_before_the_network_and_remembers_them(site: RecordedSite) -> None:
    Verbs(site, lambda _: None).down("", deletes_volumes=False)

    assert site.done == [
        *("meridian-alpha-gateway down", "meridian-lisbon down"),
        "meridian down --remove-orphans",
    ]
    assert sorted(recorded(site)) == ["alpha", "lisbon"]


def test_down_of_one_extra_leaves_the_site_and_forgets_that_extra(site: RecordedSite) -> None:
    Verbs(site, lambda _: None).down("lisbon", deletes_volumes=False)

    assert site.done == ["meridian-lisbon down"]
    assert recorded(site) == ["alpha"]


def test_down_with_its_volumes_forgets_every_extra(site: RecordedSite) -> None:
    Verbs(site, lambda _: None).down("", deletes_volumes=True)

    assert all(each.endswith("--volumes") for each in site.done)
    assert not (site.settings.secrets / "extras.json").exists()


def test_down_of_what_is_no_extra_names_those_that_are(site: RecordedSite) -> None:
    with pytest.raises(BadSettings, match=r"berlin is no extra .*: alpha-gateway, lisbon"):
        Verbs(site, lambda _: None).down("berlin", deletes_volumes=False)
    assert site.done == []


def test_ps_lists_extras_and_says_what_is_out_of_date_or_absent(site: RecordedSite) -> None:
    lines = list[str]()
    Verbs(site, lines.append).list_containers()

    assert [line.split() for line in lines[1:]] == [
        ["berlin", "meridian-berlin-relay-1", "running", "current"],
        ["berlin", "berlin-replication", "no", "container", "-"],
        ["lisbon", "meridian-lisbon-relay-1", "exited", "out", "of", "date"],
    ]


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (("traffic-node", "lisbon"), "say RELAY_PORT=7446"),
        (("gateway", "alpha", "--port", "x"), "say GATEWAY_PORT=8445"),
        (("down", "", "--volumes", "yes"), "say VOLUMES=delete"),
    ],
)
def test_what_is_missing_or_wrong_on_the_command_line_is_asked_for(
    words: tuple[str, ...], asked: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(("--root", str(tmp_path), *words)) == MISUSED
    assert asked in capsys.readouterr().err
    assert "stack.containers.verbs" in sys.modules
