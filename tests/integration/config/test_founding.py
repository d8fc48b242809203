"""`init --once` and `join --once`: what a container says each time that it starts."""

import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from clients.files.site_secrets import make_site_secrets
from shared.crypto.nodekeys import NodeKey
from shared.domain.ids import Revision
from shared.persistence.master_state import MasterState
from shared.persistence.pool import Database
from tests.integration.servers import NatsServer

pytestmark = pytest.mark.integration

SECONDS = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The state folder of alpha, with the site's secrets in it."""
    folder = tmp_path / "state"
    make_site_secrets(folder, {"alpha": "", "bravo": ""}, ("berlin",), ("alpha:6222",))
    (folder / "node.key").write_bytes((folder / "alpha.key").read_bytes())
    document = {"nodes": {name: {"role": "master"} for name in ("alpha", "bravo")}}
    document["nodes"]["berlin"] = {"role": "traffic"}
    (folder / "site.json").write_text(json.dumps(document))
    return folder


def config(folder: Path, nats: NatsServer, url: str, *verb: str) -> tuple[int, str]:
    env = {
        **os.environ,
        "MERIDIAN_NODE": "alpha",
        "MERIDIAN_STATE_DIR": str(folder),
        "MERIDIAN_PSK_FILE": str(folder / "psk"),
        "MERIDIAN_NATS_SERVERS": nats.url,
        "MERIDIAN_NATS_REPLICAS": "1",
        "MERIDIAN_DATABASE_URL": url,
        "MERIDIAN_ADMIN_PASSWORD_FILE": str(folder / "admin"),
    }
    done = subprocess.run(
        (sys.executable, "-m", "services.config", *verb),
        env=env,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stderr


def init(folder: Path, nats: NatsServer, url: str, *more: str) -> tuple[int, str]:
    files = ("--document", str(folder / "site.json"), "--public-keys", str(folder / "nodes.json"))
    return config(folder, nats, url, "init", "--site", "test.example", *files, *more)


async def test_a_container_that_starts_again_founds_nothing_again(
    folder: Path, nats_server: NatsServer, postgres_url: str
) -> None:
    first = init(folder, nats_server, postgres_url, "--once")
    second = init(folder, nats_server, postgres_url, "--once")
    plain = init(folder, nats_server, postgres_url)

    assert (first[0], second[0], plain[0]) == (0, 0, 1)
    assert "this site was made before" in plain[1]


async def test_the_first_documents_hold_the_public_key_of_every_node(
    folder: Path, nats_server: NatsServer, postgres_url: str
) -> None:
    assert init(folder, nats_server, postgres_url, "--once")[0] == 0
    database = Database(postgres_url)
    found = await MasterState(database).read(("node",))
    await database.close()

    keys = {row.id: row.body["public_key"] for row in found.documents}
    assert keys == {
        name: NodeKey.load(folder / f"{name}.key").public_b64
        for name in ("alpha", "bravo", "berlin")
    }


async def test_a_master_that_lost_its_disk_joins_the_log_that_is_there(
    folder: Path, nats_server: NatsServer, new_database: Callable[[], Awaitable[str]]
) -> None:
    assert init(folder, nats_server, await new_database(), "--once")[0] == 0
    empty = await new_database()

    assert init(folder, nats_server, empty, "--once")[0] == 0
    database = Database(empty)
    position = await MasterState(database).position()
    await database.close()
    assert position is not None
    assert position.revision == Revision(0)


async def test_joining_twice_is_no_fault_of_a_container(
    folder: Path, nats_server: NatsServer, postgres_url: str
) -> None:
    codes = [config(folder, nats_server, postgres_url, "join", "--once")[0] for _ in range(2)]
    code, output = config(folder, nats_server, postgres_url, "join")

    assert codes == [0, 0]
    assert code == 1
    assert "belongs to a site already" in output
