"""What a person does wrong with the composed site is said in words."""

import os
import socket

import pytest

from stack.ports import HOST
from tests.compose.site import ROOT, Composed, composed, shell

COMPOSE = ("docker", "compose", "--project-directory", str(ROOT))


async def test_without_secrets_the_site_says_how_to_make_them() -> None:
    env = {name: value for name, value in os.environ.items() if name != "SITE_SECRETS"}
    code, said = await shell(
        "env", "-u", "SITE_SECRETS", *COMPOSE, "--env-file", ".env.example", "up", "--wait", env=env
    )

    assert code != 0
    assert "there are no secrets yet; make them with: make secrets" in said


async def test_secrets_are_never_made_twice(site: Composed) -> None:
    before = (site.secrets / "psk").read_text()
    await site.make("secrets")

    assert (site.secrets / "psk").read_text() == before


@pytest.mark.timeout(300)
async def test_a_port_that_is_taken_is_named(site: Composed) -> None:
    async with composed() as other:
        env = {**other.env, "SITE_IMAGE": site.env["SITE_IMAGE"]}
        port = int(env["BERLIN_RELAY_PORT"])
        await other.make("secrets")
        with socket.create_server((HOST, port)):
            code, said = await shell(
                *COMPOSE, "up", "--detach", "--no-build", "berlin-relay", env=env
            )

    assert code != 0
    assert str(port) in said
    assert "address already in use" in said or "already allocated" in said


async def test_a_traffic_node_without_a_name_is_asked_for_one(site: Composed) -> None:
    file = ROOT / "compose" / "traffic" / "docker-compose.yml"
    code, said = await shell("docker", "compose", "--file", str(file), "config", env=site.env)

    assert code != 0
    assert "which node is this? say NODE=lisbon" in said
