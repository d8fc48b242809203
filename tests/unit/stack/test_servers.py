"""The servers' configuration: durable, guarded by passwords, and only as open as it must be."""

import itertools
import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stack import nats, postgres
from stack.binaries import Postgres
from stack.layout import Layout, plan


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = plan("test.example", tmp_path, 20_000, itertools.count(20_001).__next__)
    (tmp_path / "secrets").mkdir()
    nats.make_secrets(layout)
    postgres.make_secrets(layout)
    return layout


def configured(layout: Layout, node: str) -> dict[str, Any]:
    return nats.configuration(layout, layout.node(node))


def test_every_write_is_synced_and_acknowledgements_keep_their_old_form(layout: Layout) -> None:
    alpha = configured(layout, "alpha")
    assert alpha["jetstream"]["sync_interval"] == "always"
    assert alpha["feature_flags"] == {"js_ack_fc_v2": False}


def test_each_server_is_called_like_its_node_and_knows_the_other_two(layout: Layout) -> None:
    for server in layout.servers:
        found = configured(layout, server.name)
        others = {each.nats.cluster for each in layout.servers if each.nats and each != server}
        assert found["server_name"] == server.name
        assert {int(route.rsplit(":", 1)[1]) for route in found["cluster"]["routes"]} == others


def test_the_reader_of_events_may_not_publish_or_read_anything_else(layout: Layout) -> None:
    (reader,) = configured(layout, "alpha")["accounts"]["READERS"]["users"]
    allowed = reader["permissions"]
    assert reader["user"] == "events"
    assert all(".EVENTS" in subject for subject in allowed["publish"]["allow"])
    assert allowed["subscribe"]["allow"] == ["meridian.event.>", "_INBOX.events.>"]
    writing = ("STREAM.CREATE", "STREAM.DELETE", "STREAM.PURGE", "CONSUMER.DELETE", "MSG.DELETE")
    assert [s for s in allowed["publish"]["allow"] if any(word in s for word in writing)] == []


def test_the_reader_has_no_user_in_the_sites_account_and_imports_what_it_may_ask(
    layout: Layout,
) -> None:
    found = configured(layout, "alpha")["accounts"]
    assert [user["user"] for user in found["SITE"]["users"]] == ["service"]
    assert "permissions" not in found["SITE"]["users"][0]
    asked = {each["to"] for each in found["READERS"]["imports"] if "service" in each}
    (reader,) = found["READERS"]["users"]
    assert asked == set(reader["permissions"]["publish"]["allow"])
    offered = {each.get("service") or each["stream"] for each in found["SITE"]["exports"]}
    assert asked == {f"SITE.{subject}" for subject in offered if subject.startswith("$JS.")}
    assert all(each["accounts"] == ["READERS"] for each in found["SITE"]["exports"])
    assert "exports" not in found["READERS"]
    assert "jetstream" not in found["READERS"]


def test_the_system_account_holds_no_user_of_the_site(layout: Layout) -> None:
    found = configured(layout, "bravo")
    assert found["system_account"] == "SYS"
    assert [user["user"] for user in found["accounts"]["SYS"]["users"]] == ["system"]


def test_no_two_users_share_a_password_and_nobody_else_may_read_them(layout: Layout) -> None:
    files = [layout.secret(nats.secret_name(user)) for user in nats.USERS]
    files.append(layout.secret(postgres.PASSWORD))
    assert len({file.read_text() for file in files}) == len(files)
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_the_server_reads_the_file_that_is_written_for_it(layout: Layout) -> None:
    program = nats.program(layout, layout.witness, Path("nats-server"))
    file = Path(program.arguments[-1])
    assert json.loads(file.read_text()) == configured(layout, "witness")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_wiping_a_server_forgets_its_store_and_nothing_else(layout: Layout) -> None:
    nats.program(layout, layout.witness, Path("nats-server"))
    store = layout.nats_folder("witness") / "store"
    (store / "jetstream").mkdir(parents=True)
    nats.wipe(layout, layout.witness)
    nats.wipe(layout, layout.witness)
    assert [each.name for each in layout.nats_folder("witness").iterdir()] == ["server.conf"]


def test_a_database_listens_on_tcp_alone_and_keeps_its_durability(layout: Layout) -> None:
    alpha = layout.node("alpha")
    program = postgres.program(layout, alpha, Postgres(Path("bin"), None))
    options = set(program.arguments)
    assert {f"port={alpha.postgres}", "unix_socket_directories=", "listen_addresses=127.0.0.1"} <= (
        options
    )
    assert not [each for each in options if "fsync" in each or "synchronous_commit" in each]


def test_a_database_is_made_with_a_password_for_everybody(layout: Layout) -> None:
    program = postgres.creation(layout, layout.node("alpha"), Postgres(Path("bin"), None))
    arguments = program.arguments
    assert arguments[arguments.index("--auth") + 1] == "scram-sha-256"
    password = Path(arguments[arguments.index("--pwfile") + 1])
    assert password.read_text() in postgres.url(layout, layout.node("alpha"))
    assert stat.S_IMODE(password.stat().st_mode) == 0o600


def test_a_database_is_made_once(layout: Layout) -> None:
    bravo = layout.node("bravo")
    assert not postgres.is_made(layout, bravo)
    data = layout.postgres_folder("bravo") / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("16\n")
    assert postgres.is_made(layout, bravo)


def test_a_server_that_left_is_in_no_cluster_and_keeps_what_it_had_stored(layout: Layout) -> None:
    alpha = layout.node("alpha")
    before = Path(configured(layout, "alpha")["jetstream"]["store_dir"])
    before.mkdir(parents=True)
    nats.start_alone(layout, alpha)
    alone = configured(layout, "alpha")
    assert "cluster" not in alone
    assert Path(alone["jetstream"]["store_dir"]) != before
    assert before.is_dir()
    assert "cluster" in configured(layout, "bravo")


def test_a_server_that_rejoins_is_one_of_the_cluster_again_and_empty(layout: Layout) -> None:
    alpha = layout.node("alpha")
    before = configured(layout, "alpha")
    store = Path(before["jetstream"]["store_dir"])
    store.mkdir(parents=True)
    nats.start_alone(layout, alpha)
    nats.rejoin(layout, alpha)
    assert configured(layout, "alpha") == before
    assert not store.exists()


def test_the_pid_file_of_a_killed_database_goes_and_that_of_a_running_one_stays(
    layout: Layout,
) -> None:
    alpha = layout.node("alpha")
    data = layout.postgres_folder(alpha.name) / "data"
    data.mkdir(parents=True)
    pid_file = data / "postmaster.pid"
    pid_file.write_text(str(os.getpid()))
    with subprocess.Popen(["/bin/sleep", "60"], cwd=data) as running:
        postgres.remove_stale_pid_file(layout, alpha)
        assert pid_file.exists()
        running.kill()
    postgres.remove_stale_pid_file(layout, alpha)
    assert not pid_file.exists()
