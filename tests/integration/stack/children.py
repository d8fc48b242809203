"""What the fork server forks in these tests: each `main` is one way a service may behave."""

import os
import signal
import subprocess
import sys
import time


def main() -> None:
    """Behave as the first argument says."""
    match sys.argv[1]:
        case "tell":
            sys.stdout.write(
                f"{sys.argv[2]} {os.environ.get('WORD')} {os.getsid(0) == os.getpid()}\n"
            )
        case "fail" | "refuse" as how:
            raise SystemExit({"fail": 3, "refuse": 2}[how])
        case "explain":
            raise SystemExit("the key is missing")
        case "break":
            raise RuntimeError("broken on purpose")
        case "wait":
            time.sleep(60)
        case "deafen":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            sys.stdout.write("deaf\n")
            sys.stdout.flush()
            time.sleep(60)
        case "breed":
            grandchild = subprocess.Popen(["sleep", "60"])
            sys.stdout.write(f"{grandchild.pid}\n")
            sys.stdout.flush()
            time.sleep(60)
        case how:
            raise AssertionError(how)
