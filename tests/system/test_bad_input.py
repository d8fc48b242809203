"""What people get wrong, tried on a running site: a clear sentence, and nothing changes."""

import asyncio
import json
import ssl
import sys
from pathlib import Path

import httpx

from shared.crypto.keyring import make_psk
from stack.site import Site
from tests.system.people import PATIENCE_SECONDS, run_meridian, signed_in, talking, until

GARBAGE = b"GET / HTTP/1.1\r\nHost: nobody\r\n\r\n" + bytes(range(256)) * 64
ROUNDS = 40
BAD_SETTINGS = 2
GUESSES = 60
WRONG_PASSWORDS = 20
UNAUTHORIZED, UNPROCESSABLE, TOO_MANY = 401, 422, 429


def one_sentence(text: str) -> str:
    """What was said, which must be a line and no traceback."""
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 1, text
    assert "Traceback" not in text
    return lines[0]


async def export(env: dict[str, str]) -> str:
    code, text = await run_meridian(env, "export")
    assert code == 0, text
    return text


TWIN = "{role: traffic, public_address: {host: twin.example, port: 1}}"
DOCUMENTS = {
    "an unclosed brace": ("site: {name: a\nnodes: {}\n", ":2:6: "),
    "a field that nobody knows": ("nodes:\n  x:\n    role: traffic\n    colour: red\n", ":4:5: "),
    "a node twice": ("nodes:\n  x: {role: traffic}\n  x: {role: traffic}\n", ":3:3: "),
    "a prefix that is no network": (
        "nodes:\n  x: {role: traffic, prefixes: [10.0.0.1/8]}\n",
        "10.0.0.1/8",
    ),
    "a password that is not there": (
        "users:\n  x: {role: auditor, password_file: nowhere}\n",
        "nowhere",
    ),
    "a kind that nobody knows": ("gardens: {}\n", "gardens"),
    "two nodes at one address, the first of them well": (
        f"nodes:\n  lima: {TWIN}\n  quito: {TWIN}\n",
        "twin.example:1 belongs to node",
    ),
}


async def test_wrong_documents_are_refused_whole_each_with_its_place(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    before = await export(env)

    async def refused(number: int, text: str, expected: str) -> None:
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        code, output = await run_meridian(env, "apply", "-f", str(path))
        assert code != 0
        assert expected in one_sentence(output)

    asked = enumerate(DOCUMENTS.values())
    await asyncio.gather(*(refused(number, *document) for number, document in asked))
    assert await export(env) == before


async def test_who_guesses_a_password_is_slowed_down_and_learns_for_how_long(
    site: Site, tmp_path: Path
) -> None:
    env = await signed_in(site, tmp_path)
    (tmp_path / "password").write_text("a long enough one\n")
    path = tmp_path / "users.yaml"
    path.write_text("users:\n  wanda: {role: representative, password_file: password}\n")
    code, output = await run_meridian(env, "apply", "-f", str(path))
    assert code == 0, output
    async with httpx.AsyncClient(
        verify=tls(site), base_url=site.gateway_urls[0], timeout=PATIENCE_SECONDS
    ) as client:

        async def guess(number: int) -> httpx.Response:
            words = {"username": "wanda", "password": f"guess {number}"}
            return await client.post("/api/v1/login", json=words)

        answers = await asyncio.gather(*(guess(number) for number in range(GUESSES)))
    wrong = [answer for answer in answers if answer.status_code == UNAUTHORIZED]
    refused = [answer for answer in answers if answer.status_code == TOO_MANY]
    assert len(wrong) + len(refused) == GUESSES
    assert 0 < len(wrong) <= WRONG_PASSWORDS
    for answer in refused:
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.json()["code"] == "too_many_attempts"
        assert "wrong passwords came from 127.0.0.1; try again in" in answer.json()["detail"]
    code, output = await run_meridian(env, "login", "admin")
    assert code == 0, f"who signed in here before is not slowed down: {output}"


def tls(site: Site) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(site.ca_file))


SETTINGS = {
    "a short key": ({"MERIDIAN_PSK": "secret"}, "meridian key new"),
    "a key that is no secret": ({"MERIDIAN_PSK": "a" * 40}, "meridian key new"),
    "a variable that nobody knows": ({"MERIDIAN_REALY_PORT": "1"}, "MERIDIAN_RELAY_PORT"),
    "a port that is no number": ({"MERIDIAN_RELAY_PORT": "many"}, "MERIDIAN_RELAY_PORT"),
}


async def test_a_service_with_wrong_settings_says_what_is_wrong_and_ends(site: Site) -> None:
    async def refused(change: dict[str, str], expected: str) -> None:
        env = {**site.environment("berlin", "relay"), **change}
        env.pop("MERIDIAN_PSK_FILE", None)
        code, output = await relay(env)
        assert code == BAD_SETTINGS
        assert expected in one_sentence(output)

    await asyncio.gather(*(refused(*each) for each in SETTINGS.values()))


async def test_a_relay_whose_port_is_taken_says_so_and_ends(site: Site) -> None:
    code, output = await relay(dict(site.environment("berlin", "relay")))
    assert code == BAD_SETTINGS
    assert "the port is in use" in output.splitlines()[-1]
    assert "Traceback" not in output


async def relay(env: dict[str, str]) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.relay"),
        env={**env, "MERIDIAN_METRICS_PORT": "0"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_a_member_with_another_key_is_refused_and_the_site_says_so(
    site: Site, tmp_path: Path
) -> None:
    """A follower with a wrong key neither gets a snapshot nor counts as one of the site."""
    env = dict(site.environment("berlin", "replication"))
    env.pop("MERIDIAN_PSK_FILE", None)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.replication"),
        env={**env, "MERIDIAN_PSK": make_psk(), "MERIDIAN_METRICS_PORT": "0"},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        logs = site.layout.state / "logs"

        def is_reported() -> bool:
            return any("unknown key" in path.read_text() for path in logs.rglob("*.log"))

        await until(is_reported)
    finally:
        process.kill()
        await process.wait()
    assert await signed_in(site, tmp_path)


async def test_garbage_on_every_open_port_disturbs_nobody(site: Site, tmp_path: Path) -> None:
    env = await signed_in(site, tmp_path)
    nodes = site.layout.nodes
    ports = [port for node in nodes for port in (node.gateway, node.relay) if port]
    async with talking(env) as (_, talk):
        already = talk.echoed
        for _ in range(ROUNDS):
            await asyncio.gather(*(spoil(port) for port in ports))
        await until(lambda: talk.echoed > already + 20)
        code, output = await run_meridian(env, "status")
        assert code == 0, output


async def spoil(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(GARBAGE)
    try:
        async with asyncio.timeout(10):
            await writer.drain()
            while await reader.read(1 << 16):
                pass
    except ConnectionError:
        pass
    finally:
        writer.close()


async def test_a_stranger_at_the_gateway_gets_a_code_and_a_sentence(site: Site) -> None:
    asked = [
        ("GET", "/api/v1/nodes", UNAUTHORIZED),
        ("GET", "/api/v1/export", UNAUTHORIZED),
        ("POST", "/api/v1/login", UNPROCESSABLE),
    ]
    async with httpx.AsyncClient(
        verify=tls(site), base_url=site.gateway_urls[0], timeout=PATIENCE_SECONDS
    ) as client:
        for method, path, status in asked:
            answer = await client.request(method, path, json={"unexpected": [1]})
            assert answer.status_code == status, (path, answer.text)
            assert answer.json()["code"], path


async def test_a_document_that_is_refused_over_http_says_which_field(
    site: Site, tmp_path: Path
) -> None:
    await signed_in(site, tmp_path)
    profile = json.loads(next(tmp_path.rglob("*.json")).read_text())
    headers = {"Authorization": f"Bearer {profile['token']}"}
    async with httpx.AsyncClient(
        verify=tls(site),
        base_url=site.gateway_urls[0],
        headers=headers,
        timeout=PATIENCE_SECONDS,
    ) as client:
        answer = await client.put("/api/v1/nodes/lima", json={"role": "traffic", "weight": -1})
        assert answer.status_code == UNPROCESSABLE
        assert "weight" in json.dumps(answer.json())
