"""Programs of other people that some tests run; a machine without them skips those tests.

CI skips nothing: there a missing program fails its test, and `.ci/run` installs them all.
"""

import os
import shutil
from typing import Final

import pytest

PACKAGES: Final = {
    "ssh": "openssh-client",
    "scp": "openssh-client",
    "ssh-keygen": "openssh-client",
    "sshd": "openssh-server",
    "rsync": "rsync",
    "named": "bind9",
    "pdns_server": "pdns-server pdns-backend-geoip",
    "gdnsd": "gdnsd",
    "faketime": "faketime",
}
"""Each program, and the packages of Debian that bring it."""

PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def require_program(program: str) -> str:
    """Return where *program* is; skip the test where it is missing, and fail it in CI."""
    found = shutil.which(program, path=PATH)
    if found is None:
        reason = f"{program} is missing: apt install {PACKAGES[program]}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def missing() -> list[str]:
    """Name what this machine lacks, so that tests are skipped."""
    lacking = [program for program in PACKAGES if shutil.which(program, path=PATH) is None]
    return lacking if os.geteuid() == 0 else [*lacking, "root"]
