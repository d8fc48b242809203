"""The fork server, with real processes: it bears them, tells how they end, and ends them all."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from stack.failure import StartFailed
from stack.processes import Child, ForkServerClient, Program

pytestmark = pytest.mark.integration

MODULE = "tests.integration.stack.children"
SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from stack.processes import ForkServerClient, Program

async def main():
    folder = Path(sys.argv[1])
    (folder / "state").mkdir()
    fork_server = await ForkServerClient.start(folder / "fork_server.log")
    fork_server.remove_at_end(folder / "state")
    program = Program("child", ("child", "breed"), {"PATH": sys.argv[2]}, folder / "log", folder,
                      module="tests.integration.stack.children")
    await fork_server.run(program)
    print(fork_server.process.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest_asyncio.fixture
async def fork_server(tmp_path: Path) -> AsyncGenerator[ForkServerClient]:
    fork_server = await ForkServerClient.start(tmp_path / "fork_server.log")
    yield fork_server
    await fork_server.close()
    assert (tmp_path / "fork_server.log").read_text() == ""


def program(folder: Path, *arguments: str, module: str = MODULE) -> Program:
    environment = {"WORD": "heard", "PATH": "/usr/bin:/bin"}
    return Program("child", ("child", *arguments), environment, folder / "log", folder, module)


async def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def spoken(folder: Path) -> str:
    log = folder / "log"
    await eventually(lambda: log.exists() and log.read_text().endswith("\n"))
    return log.read_text()


def is_alive(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


async def test_a_child_runs_the_modules_main_with_its_own_arguments_environment_and_session(
    fork_server: ForkServerClient, tmp_path: Path
) -> None:
    child = await fork_server.run(program(tmp_path, "tell", "hello"))
    assert await child.wait() == 0
    assert (tmp_path / "log").read_text() == "hello heard True\n"


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        ("fail", 3, ""),
        ("explain", 1, "the key is missing\n"),
        ("break", 1, "RuntimeError: broken on purpose\n"),
    ],
)
async def test_a_child_that_fails_shows_its_code_and_its_reason(
    fork_server: ForkServerClient, tmp_path: Path, how: str, code: int, words: str
) -> None:
    child = await fork_server.run(program(tmp_path, how))
    assert await child.wait() == code
    assert (tmp_path / "log").read_text().endswith(words)
    assert child.exit_code == code


async def test_an_executable_is_run_as_it_is(fork_server: ForkServerClient, tmp_path: Path) -> None:
    arguments = ("/bin/sh", "-c", "echo $WORD; pwd; exit 7")
    plain = Program("shell", arguments, {"WORD": "x"}, tmp_path / "log", tmp_path)
    child = await fork_server.run(plain)
    assert await child.wait() == 7
    assert (tmp_path / "log").read_text() == f"x\n{tmp_path}\n"


async def test_a_program_that_is_missing_ends_its_child_and_not_the_fork_server(
    fork_server: ForkServerClient, tmp_path: Path
) -> None:
    plain = Program("gone", (str(tmp_path / "gone"),), {}, tmp_path / "log", tmp_path)
    child = await fork_server.run(plain)
    assert await child.wait() == 1
    assert "FileNotFoundError" in (tmp_path / "log").read_text()


async def test_a_child_without_a_place_for_its_log_is_not_born(
    fork_server: ForkServerClient, tmp_path: Path
) -> None:
    lost = Program("child", ("child",), {}, tmp_path / "no" / "log", tmp_path, MODULE)
    with pytest.raises(StartFailed, match="child cannot start"):
        await fork_server.run(lost)


async def test_imports_that_fail_are_reported_and_the_others_are_there(
    fork_server: ForkServerClient,
) -> None:
    await fork_server.preload(["json", "stack.no_such_module", MODULE])
    assert set(fork_server.refused_imports) == {"stack.no_such_module"}
    assert "ModuleNotFoundError" in fork_server.refused_imports["stack.no_such_module"]


async def test_who_no_longer_waits_for_an_import_disturbs_nobody(
    fork_server: ForkServerClient, tmp_path: Path
) -> None:
    impatient = asyncio.create_task(fork_server.preload(["asyncio", "decimal"]))
    await asyncio.sleep(0)
    impatient.cancel()
    await fork_server.preload(["fractions"])
    child = await fork_server.run(program(tmp_path, "fail"))
    assert await child.wait() == 3


async def test_a_kill_ends_a_child_and_what_it_started(
    fork_server: ForkServerClient, tmp_path: Path
) -> None:
    child = await fork_server.run(program(tmp_path, "breed"))
    grandchild = int(await spoken(tmp_path))
    await fork_server.kill([child])
    assert child.exit_code == -signal.SIGKILL
    await eventually(lambda: not is_alive(grandchild))


async def test_an_orphan_does_not_outlive_the_child_that_started_it(
    fork_server: ForkServerClient, tmp_path: Path
) -> None:
    child = await fork_server.run(program(tmp_path, "breed"))
    grandchild = int(await spoken(tmp_path))
    fork_server.send([child], signal.SIGTERM)
    assert await child.wait() == -signal.SIGTERM
    await eventually(lambda: not is_alive(grandchild))


async def test_a_child_that_does_not_listen_is_killed_after_the_patience(
    fork_server: ForkServerClient, tmp_path: Path
) -> None:
    deaf = await fork_server.run(program(tmp_path, "deafen"))
    await spoken(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    polite = await fork_server.run(program(other, "wait"))
    late = await fork_server.stop([deaf, polite], signal.SIGTERM, 3)
    assert late == (deaf,)
    assert (deaf.exit_code, polite.exit_code) == (-signal.SIGKILL, -signal.SIGTERM)


async def test_a_child_that_is_ordered_to_end_at_its_birth_ends(
    fork_server: ForkServerClient, tmp_path: Path
) -> None:
    for _ in range(30):
        newborn = await fork_server.run(program(tmp_path, "wait"))
        assert await fork_server.stop([newborn], signal.SIGTERM, 10) == ()
        assert newborn.exit_code == -signal.SIGTERM


async def test_a_frozen_child_can_be_thawed_and_stopped(
    fork_server: ForkServerClient, tmp_path: Path
) -> None:
    child = await fork_server.run(program(tmp_path, "wait"))
    fork_server.send([child], signal.SIGSTOP)
    await eventually(lambda: psutil.Process(child.pid).status() == psutil.STATUS_STOPPED)
    assert await fork_server.stop([child], signal.SIGTERM, 5) == ()


async def test_what_has_ended_is_signalled_no_more(
    fork_server: ForkServerClient, tmp_path: Path
) -> None:
    child = await fork_server.run(program(tmp_path, "fail"))
    await child.wait()
    fork_server.send([child], signal.SIGKILL)
    await fork_server.kill([child])
    assert child.exit_code == 3


async def test_closing_kills_what_is_left_and_removes_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    fork_server = await ForkServerClient.start(tmp_path / "fork_server.log")
    fork_server.remove_at_end(folder)
    child = await fork_server.run(program(tmp_path, "breed"))
    grandchild = int(await spoken(tmp_path))
    await fork_server.close()
    assert not is_alive(child.pid)
    assert not is_alive(grandchild)
    assert not folder.exists()


async def test_when_the_fork_server_dies_its_children_die_and_nobody_waits(
    tmp_path: Path,
) -> None:
    fork_server = await ForkServerClient.start(tmp_path / "fork_server.log")
    child = await fork_server.run(program(tmp_path, "wait"))
    fork_server.process.kill()
    assert await child.wait() == -signal.SIGKILL
    await eventually(lambda: not is_alive(child.pid))
    with pytest.raises(StartFailed, match="fork server process has ended"):
        await fork_server.run(program(tmp_path, "wait"))
    await fork_server.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_nothing_outlives_the_supervisor_however_it_ends(
    tmp_path: Path, number: signal.Signals
) -> None:
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SUPERVISOR, str(tmp_path), "/usr/bin:/bin"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert supervisor.stdout is not None
    fork_server = int(await supervisor.stdout.readline())
    await spoken(tmp_path)
    family = [
        fork_server,
        *(each.pid for each in psutil.Process(fork_server).children(recursive=True)),
    ]
    assert len(family) == 3
    supervisor.send_signal(number)
    await supervisor.wait()
    await eventually(lambda: not any(is_alive(pid) for pid in family))
    assert not (tmp_path / "state").exists()


def test_a_child_knows_how_it_ended_only_when_it_has(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        ended: asyncio.Future[int] = runner.get_loop().create_future()
        child = Child(program(tmp_path, "wait"), 1, ended)
        assert child.is_running
        assert child.exit_code is None
        ended.set_result(0)
        assert not child.is_running
