"""More nodes in one apply than fit into an entry or into a message: written whole, read again."""

import json
from pathlib import Path

import pytest

from shared.domain.node import NodeRole
from stack.site import Site
from tests.system.people import run_meridian, signed_in

NODES = 600
ENTRIES = 2
"""Fewer cannot hold so many nodes."""


def written(path: Path, count: int) -> Path:
    """A file with *count* nodes."""
    lines = (
        f"  n{number:05}: {{role: traffic, accepting_new_clients: false, "
        f"public_address: {{host: node-{number}.example, port: 7443}}}}"
        for number in range(count)
    )
    path.write_text("nodes:\n" + "\n".join(lines) + "\n")
    return path


@pytest.mark.timeout(300)
async def test_more_nodes_than_an_entry_holds_are_applied_reported_and_deleted_again(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    _, before = await run_meridian(env, "export")
    original = tmp_path / "before.yaml"
    original.write_text(before)

    code, text = await run_meridian(env, "apply", "-f", str(written(tmp_path / "many.yaml", NODES)))

    assert code == 0, text[-500:]
    assert f"{NODES} change(s) made, revision " in text
    _, text = await run_meridian(env, "export")
    assert sum(f"  n{number:05}:" in text for number in range(NODES)) == NODES
    code, text = await run_meridian(
        env, "log", "--kind", "node", "--author", "admin", "--since", "1h"
    )
    assert code == 0, text
    assert text.count("put node n0") >= ENTRIES

    code, text = await run_meridian(env, "apply", "-f", str(original), "--prune")

    assert code == 0, text[-500:]
    assert f"{NODES} change(s) made, revision " in text
    _, text = await run_meridian(env, "export")
    assert text == before
    code, text = await run_meridian(env, "log", "verify", "--json")
    assert code == 0, text
    copies = json.loads(text)
    assert [each["copy_of"] for each in copies] == ["log", *databases(site)]
    assert copies[0]["entries"] >= 2 * ENTRIES, copies  # a database may have begun from a snapshot
    assert not any(each["fault"] for each in copies), copies
    assert len({each["revision"] for each in copies}) == 1, copies


def databases(site: Site) -> list[str]:
    masters = sorted(node.name for node in site.layout.with_role(NodeRole.MASTER))
    return [f"database of {name}" for name in masters]
