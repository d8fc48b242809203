"""What a person does wrong with the composed site is said in words."""

import os
import socket
from pathlib import Path

import pytest

from stack.ports import HOST
from tests.compose.machines import bring_files
from tests.compose.site import ROOT, Composed, composed, shell

COMPOSE = ("docker", "compose", "--project-directory", str(ROOT))


async def test_without_secrets_the_site_says_how_to_make_them() -> None:
    env = {name: value for name, value in os.environ.items() if name != "SITE_SECRETS"}
    code, output = await shell(
        "env", "-u", "SITE_SECRETS", *COMPOSE, "--env-file", ".env.example", "up", "--wait", env=env
    )

    assert code != 0
    assert "there are no secrets yet; make them with: make secrets" in output


async def test_secrets_are_never_made_twice(site: Composed) -> None:
    before = (site.secrets / "psk").read_text()
    await site.make("secrets")

    assert (site.secrets / "psk").read_text() == before


async def test_lost_secrets_beside_living_volumes_are_refused_before_anything_starts(
    site: Composed, tmp_path: Path
) -> None:
    lost = tmp_path / "secrets"
    env = {**site.env, "SITE_SECRETS": str(lost)}
    code, output = await shell("make", "--no-print-directory", "up", env=env)

    assert code != 0
    assert f"the secrets in {lost} are missing, but the site's data is there" in output
    assert "bring that folder back" in output
    assert not lost.exists()


async def test_a_lost_env_beside_living_volumes_is_refused_before_anything_starts(
    site: Composed, tmp_path: Path
) -> None:
    bring_files(tmp_path)
    here = {"COMPOSE_PROJECT_NAME": site.project, "SITE_IMAGE": site.env["SITE_IMAGE"]}
    code, output = await Composed(site.project, here).containers(tmp_path, "up")

    assert code != 0
    assert ".env is missing, but the site's data is there" in output
    assert not (tmp_path / ".env").exists()
    assert not (tmp_path / "secrets").exists()


@pytest.mark.timeout(300)
async def test_a_port_that_is_taken_is_named(site: Composed) -> None:
    async with composed() as other:
        env = {**other.env, "SITE_IMAGE": site.env["SITE_IMAGE"]}
        port = int(env["BERLIN_RELAY_PORT"])
        await other.make("secrets")
        with socket.create_server((HOST, port)):
            code, output = await shell(
                *COMPOSE, "up", "--detach", "--no-build", "berlin-relay", env=env
            )

    assert code != 0
    assert str(port) in output
    assert "address already in use" in output or "already allocated" in output


@pytest.mark.parametrize(
    ("machine", "asked"),
    [
        ("master", "which master is this? say NODE=alpha in .env"),
        ("traffic", "which node is this? say NODE=lisbon"),
        ("gateway", "of which master is this gateway? say NODE=alpha"),
    ],
)
async def test_a_machine_without_a_name_is_asked_for_one(
    site: Composed, machine: str, asked: str
) -> None:
    file = ROOT / "compose" / machine / "docker-compose.yml"
    # Of several that are missing the engine names any one.
    others = {"NATS_SERVERS": "nats://127.0.0.1:9", "GATEWAY_URL": "https://127.0.0.1:9"}
    env = {**site.env, **others}
    code, output = await shell("docker", "compose", "--file", str(file), "config", env=env)

    assert code != 0
    assert asked in output


async def test_a_witness_without_its_secrets_does_not_start_and_names_the_file(
    site: Composed, tmp_path: Path
) -> None:
    file = ROOT / "compose" / "witness" / "docker-compose.yml"
    env = {
        **site.env,
        "COMPOSE_PROJECT_NAME": f"{site.project}-witness",
        "SITE_SECRETS": str(tmp_path / "secrets"),
        "NATS_PORT": site.env["RELAY_PORT"],
        "NATS_CLUSTER_PORT": site.env["GATEWAY_PORT"],
    }
    code, output = await shell("docker", "compose", "--file", str(file), "up", "--detach", env=env)

    assert code != 0
    assert str(tmp_path / "secrets" / "nats.conf") in output
