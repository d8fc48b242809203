"""A slow disk: writes take longer while the switch is there, arrive whole, and nothing is left."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.integration.servers import until
from tools.slow_disk import LONGEST_SECONDS, missing, words_of

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(bool(missing()), reason=f"no slow disk: {missing()}"),
]

TIMES = 8
WRITER = f"""
import os, sys, time
file = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR)
for round in sys.stdin:
    begin = time.monotonic()
    for place in range({TIMES}):
        os.pwrite(file, bytes([place]), place)
    os.fsync(file)
    print(time.monotonic() - begin, flush=True)
    if os.fork() == 0:
        begin = time.monotonic()
        os.fdatasync(file)
        print(time.monotonic() - begin, flush=True)
        os._exit(0)
    os.wait()
"""


def test_writes_take_longer_while_the_switch_is_there_also_those_of_children(
    tmp_path: Path,
) -> None:
    switch, file = tmp_path / "switch", tmp_path / "file"
    words = words_of(switch, (sys.executable, "-c", WRITER, str(file)))
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def written() -> tuple[float, float]:
            """Seconds of one round, and of one write of a child of it."""
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("round\n")
            process.stdin.flush()
            return float(process.stdout.readline()), float(process.stdout.readline())

        quick, of_child = written()
        assert quick < LONGEST_SECONDS * TIMES / 10
        assert of_child < LONGEST_SECONDS
        switch.touch()
        slow, of_child = written()
        assert LONGEST_SECONDS * TIMES / 5 < slow < LONGEST_SECONDS * (TIMES + 1) * 2
        assert file.read_bytes() == bytes(range(TIMES))
        switch.unlink()
        assert written()[0] < LONGEST_SECONDS * TIMES / 10
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) == 1, "one process holds the writes"
        process.stdin.close()
        assert process.wait(10) == 0
    until(lambda: not psutil.pid_exists(family[0].pid), "the process that held the writes to end")
