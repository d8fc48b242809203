"""Bring `.venv` to what the locks say, or do nothing when it is there already.

Run by `make setup` with nothing but the standard library. Everything comes from
`requirements-dev.lock` with hashes checked; the project itself is then installed editable,
built by the hatchling of the lock, so nothing unhashed is ever fetched.
pip does the work because it follows the machine's own settings (mirror, proxy, certificates).
Two runs in one clone take turns on a lock file; the second finds the work done.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / "setup.stamp"
OLDEST = (3, 11)


def fingerprint() -> str:
    """Name the wanted state: the locks, the project file, the place and this interpreter."""
    digest = hashlib.sha256(f"{ROOT}\n{sys.version_info[:2]}\n".encode())
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_current(wanted: str) -> bool:
    """Say whether an earlier run finished and its interpreter still starts."""
    return STAMP.is_file() and STAMP.read_text() == wanted and os.access(PYTHON, os.X_OK)


def has_pip() -> bool:
    """Say whether the environment is one that pip can work in, made in this very place."""
    config = ENVIRONMENT / "setup.place"
    if not (os.access(PYTHON, os.X_OK) and config.is_file()):
        return False
    if config.read_text() != f"{ROOT} {sys.version_info[:2]}":
        return False
    command = [str(PYTHON), "-m", "pip", "--version"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def pip_install(*arguments: str) -> None:
    """Run the environment's pip; a failure ends the program with pip's own words."""
    command = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    done = subprocess.run([*command, *arguments], check=False, cwd=ROOT)
    if done.returncode:
        sys.exit(f"setup: pip failed ({' '.join(arguments)})")


def install(wanted: str) -> None:
    """Make the environment when it is missing, install the lock and the project, stamp it."""
    STAMP.unlink(missing_ok=True)
    if not has_pip():
        print("setup: making .venv", flush=True)
        try:
            venv.create(ENVIRONMENT, clear=True, symlinks=True, with_pip=True)
        except subprocess.CalledProcessError:
            sys.exit("setup: this python3 has no ensurepip; on Debian: apt install python3-venv")
        (ENVIRONMENT / "setup.place").write_text(f"{ROOT} {sys.version_info[:2]}")
    # -qq: errors only; a machine's own mirror settings may warn once per package.
    print("setup: installing requirements-dev.lock", flush=True)
    pip_install("--require-hashes", "--no-deps", "--requirement", "requirements-dev.lock")
    pip_install("--no-deps", "--no-build-isolation", "--editable", ".")
    STAMP.write_text(wanted)
    print("setup: ready", flush=True)


def main() -> None:
    """Check the interpreter, take the turn, install when needed."""
    if sys.version_info < OLDEST:
        sys.exit("setup: Python 3.11 or later is needed; say which: make PYTHON=python3.12 setup")
    wanted = fingerprint()
    if is_current(wanted):
        return
    with (ROOT / ".setup.lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not is_current(wanted):
            install(wanted)


if __name__ == "__main__":
    main()
