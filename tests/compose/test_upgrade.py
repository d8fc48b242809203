"""`make up` on a site that runs: an upgrade unit by unit, nothing to do, and the end of it all.

These tests come last: they change the image of the shared site, and take it down.
"""

import itertools
import json
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from stack.demo.programs import meridian, run
from tests.compose.machines import bring_files
from tests.compose.site import Composed, until_primary
from tests.system.people import talking, until

UNCHANGED_SECONDS = 10.0
EXTRAS = ("lisbon-relay-1", "lisbon-replication-1", "alpha-gateway-gateway-1")


@dataclass(frozen=True)
class Replaced:
    """A container: its id, its image, and when it was made."""

    id: str
    image: str
    created: str


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the project whose code has changed."""
    root = tmp_path_factory.mktemp("clone")
    bring_files(root)
    with (root / "shared" / "__init__.py").open("a") as module:
        module.write("# A later version.\n")
    return root


@pytest.mark.timeout(600)
async def test_make_up_after_a_code_change_upgrades_in_order_and_loses_no_session(
    site: Composed, clone: Path, tmp_path: Path
) -> None:
    env = site.person(tmp_path)
    await run(*meridian("login", "admin"), env=env)
    node = {"NODE": "lisbon", "RELAY_PORT": site.env["RELAY_PORT"], "YES": "1"}
    await site.make("traffic-node", **node)
    await site.make("gateway", NODE="alpha", GATEWAY_PORT=site.env["GATEWAY_PORT"])
    await site.compose("up", "--detach", "--wait", "--no-recreate", "--scale", "node-selector=3")
    primary = await until_primary(site, other_than="nobody")
    backup = next(name for name in ("alpha", "bravo") if name != primary)
    before = await _containers(site)

    async with talking(env) as (carried, talk):
        code, output = await site.containers(clone, "up")
        assert code == 0, output
        echoed = talk.echoed
        await until(lambda: talk.echoed > echoed + 100)
        assert carried.alive

    after = await _containers(site)
    assert after.keys() == before.keys()
    assert {f"node-selector-{number}" for number in (1, 2, 3)} | set(EXTRAS) <= after.keys()
    assert f"switch over to {backup}" in output
    assert await site.primary() == backup

    services = {name for name in after if before[name].image != after[name].image}
    assert services == {name for name in after if "-nats-" not in name and "-postgres-" not in name}
    assert len({after[name].image for name in services}) == 1
    times = {name: after[name].created for name in services}
    order = (backup, primary, "node-selector", "berlin", "denver", "lisbon", "tokyo")
    assert [_first(times, name) for name in order] == sorted(_first(times, name) for name in order)
    assert all(
        _last(times, earlier) < _first(times, later) for earlier, later in itertools.pairwise(order)
    )


@pytest.mark.timeout(120)
async def test_make_up_without_changes_does_nearly_nothing(site: Composed, clone: Path) -> None:
    before, seconds = await _containers(site), list[float]()
    for _ in range(2):
        begun = time.monotonic()
        code, output = await site.containers(clone, "up")
        seconds.append(time.monotonic() - begun)
        assert code == 0
        assert "the site is up to date" in output

    assert await _containers(site) == before
    assert min(seconds) < UNCHANGED_SECONDS


@pytest.mark.timeout(300)
async def test_make_ps_and_make_down_know_extra_nodes_and_gateways(site: Composed) -> None:
    listed = await site.make("ps")
    assert all(f"{site.project}-{name}" in listed for name in EXTRAS)

    await site.make("down", NODE="alpha-gateway")
    assert "alpha-gateway-gateway-1" not in await _containers(site)

    await site.make("down")
    assert await _containers(site) == {}
    record = json.loads((site.secrets / "extras.json").read_text())
    assert [each["node"] for each in record["extras"]] == ["lisbon"]


async def _containers(site: Composed) -> dict[str, Replaced]:
    """The containers of the site and its extras, by their names without the project's."""
    name = '{{.Label "com.docker.compose.project"}}'
    listed = await run("docker", "ps", "--all", "--format", f"{{{{.ID}}}} {name}")
    rows = (line.split() for line in listed.splitlines())
    ids = [row[0] for row in rows if len(row) == 2 and row[1].startswith(site.project)]
    if not ids:
        return {}
    words = "{{.Name}} {{.Id}} {{.Image}} {{.Created}}"
    inspected = await run("docker", "inspect", "--format", words, *ids)
    found = (line.split() for line in inspected.splitlines())
    return {row[0].removeprefix(f"/{site.project}-"): Replaced(*row[1:]) for row in found}


def _first(times: dict[str, str], unit: str) -> str:
    return min(at for name, at in times.items() if name.startswith(unit))


def _last(times: dict[str, str], unit: str) -> str:
    return max(at for name, at in times.items() if name.startswith(unit))
