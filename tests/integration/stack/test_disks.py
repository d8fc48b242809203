"""Small disks are full when told so, keep what they hold, and never outlive who made them."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stack.disks import missing, small_disk
from tests.integration.servers import until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.root,
    pytest.mark.skipif(bool(missing()), reason=f"no disk of our own: {missing()}"),
]

MAKER = """
import sys
from stack.disks import small_disk
with small_disk(1 << 20) as disk:
    print(disk.folder, flush=True)
    sys.stdin.read()
"""


def write(path: Path, size: int) -> int:
    """Write a file of zeros; the error's number, 0 when there is none."""
    try:
        path.write_bytes(bytes(size))
    except OSError as error:
        return int(error.errno or 0)
    return 0


def test_a_full_disk_refuses_every_new_page_and_takes_them_again_when_it_is_freed() -> None:
    with small_disk(1 << 20) as disk:
        old = disk.folder / "old"
        assert write(old, 8192) == 0
        disk.fill()
        assert write(disk.folder / "new", 1) == errno.ENOSPC
        with old.open("r+b") as file:
            assert file.write(b"over what is there") == 18
        disk.free()
        assert write(disk.folder / "new", 8192) == 0
        assert write(disk.folder / "large", 2 << 20) == errno.ENOSPC
    assert not disk.folder.exists()


def test_a_disk_is_lifted_when_its_maker_is_killed_while_a_file_on_it_is_open() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MAKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as maker:
        assert maker.stdout is not None
        folder = Path(maker.stdout.readline().strip())
        assert os.path.ismount(folder)
        with (folder / "open").open("w"):
            maker.kill()
            until(lambda: not folder.exists(), "the disk to be lifted")
