"""Ways from one socket to another: directly, and through each forwarder in a process of its own.

Every forwarder runs alone on one core, the load on another, where the machine has two. HAProxy
splices as our relay does; nginx copies. They come from the distribution and are left out, and
said to be, where they are not installed.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from shared.crypto import join
from shared.crypto.keyring import KeyRing, make_psk
from shared.crypto.tickets import issue_ticket
from shared.domain.ids import ClusterId, NodeId, PathGeneration, SessionId, UnixMillis
from shared.domain.node import Side
from shared.domain.ticket import Ticket
from shared.wire.relay import FrameReader, encode_hello
from stack.demo.target import free_port

HOST: Final = "127.0.0.1"
NODE: Final = NodeId("relay")
NOWHERE: Final = "nats://127.0.0.1:9"
SECONDS: Final = 30.0
NGINX_MODULE: Final = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

Ends = tuple[socket.socket, socket.socket]


@dataclass(frozen=True)
class Way:
    """How two ends come together; `meet` makes a new pair of them."""

    name: str
    meet: Callable[[], Ends]


@contextmanager
def every_way(folder: Path) -> Generator[list[Way]]:
    """All ways that this machine has, the direct one first."""
    with ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, os.sched_getaffinity(0))
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        ways = [Way("direct", _direct), stack.enter_context(_meridian(folder / "meridian"))]
        if shutil.which("haproxy", path=_path()):
            ways.append(stack.enter_context(_proxy("haproxy", folder, _haproxy)))
        if shutil.which("nginx", path=_path()) and NGINX_MODULE.exists():
            ways.append(stack.enter_context(_proxy("nginx", folder, _nginx)))
        yield ways


def missing(ways: list[Way]) -> list[str]:
    """The peers that this machine does not have."""
    return sorted({"haproxy", "nginx"} - {way.name for way in ways})


def _direct() -> Ends:
    with closing(socket.create_server((HOST, 0))) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    return _quick(near), _quick(far)


def _quick(end: socket.socket) -> socket.socket:
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return end


@contextmanager
def _meridian(folder: Path) -> Generator[Way]:
    """The relay as a site runs it; it needs nothing but its node's keys."""
    state, port, psk = folder / NODE, free_port(), make_psk()
    key = join.prepare_node(state)
    cluster = join.found_cluster(state)
    join.pin(state, cluster, {NODE: key})
    environment = {
        "MERIDIAN_NODE": NODE,
        "MERIDIAN_STATE_DIR": str(state),
        "MERIDIAN_PSK": psk,
        "MERIDIAN_NATS_SERVERS": NOWHERE,
        "MERIDIAN_METRICS_PORT": "0",
        "MERIDIAN_RELAY_HOST": HOST,
        "MERIDIAN_RELAY_PORT": str(port),
    }
    with _running([sys.executable, "-m", "services.relay"], folder, environment):
        _until_open(port)
        yield Way("meridian", _through_relay(port, psk, cluster))


def _through_relay(port: int, psk: str, cluster: ClusterId) -> Callable[[], Ends]:
    keys, numbers = KeyRing.derive(psk, cluster, None).current, count()
    expires = UnixMillis(time.time_ns() // 1_000_000 + 86_400_000)

    def meet() -> Ends:
        session = SessionId(f"bench-{next(numbers)}")

        def knock(side: Side) -> socket.socket:
            ticket = Ticket(session, side, NODE, PathGeneration(1), expires)
            end = _quick(socket.create_connection((HOST, port)))
            end.sendall(encode_hello(issue_ticket(keys, ticket)))
            return end

        ends = knock(Side.CUSTOMER), knock(Side.REPRESENTATIVE)
        for end in ends:
            frames = FrameReader()
            while not frames.done:
                frames.feed(end.recv(4_096))
        return ends

    return meet


@contextmanager
def _proxy(name: str, folder: Path, config: Callable[[Path, int, int], str]) -> Generator[Way]:
    home, port = folder / name, free_port()
    home.mkdir(parents=True)
    program = shutil.which(name, path=_path())
    assert program is not None, "only what is installed is started"
    with closing(socket.create_server((HOST, 0))) as target:
        path = home / "config"
        path.write_text(config(home, port, target.getsockname()[1]))
        arguments = {"haproxy": ["-db", "-f"], "nginx": ["-p", str(home), "-c"]}[name]
        with _running([program, *arguments, str(path)], home, {}):
            _until_open(port)
            far, _ = target.accept()  # the knock of somebody who looked whether it is open
            far.close()

            def meet() -> Ends:
                near = socket.create_connection((HOST, port))
                far, _ = target.accept()
                return _quick(near), _quick(far)

            yield Way(name, meet)


def _haproxy(_home: Path, port: int, target: int) -> str:
    return (
        "global\n  maxconn 1000\n  nbthread 1\n"
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n"
        "  option splice-auto\n  option tcp-smart-connect\n"
        f"listen bench\n  bind {HOST}:{port}\n  server target {HOST}:{target}\n"
    )


def _nginx(home: Path, port: int, target: int) -> str:
    return (
        f"load_module {NGINX_MODULE};\ndaemon off;\nmaster_process off;\nworker_processes 1;\n"
        f"error_log {home}/error.log;\npid {home}/pid;\nevents {{ worker_connections 1000; }}\n"
        f"stream {{ server {{ listen {HOST}:{port}; proxy_pass {HOST}:{target};"
        " proxy_buffer_size 256k; tcp_nodelay on; } }\n"
    )


@contextmanager
def _running(command: list[str], folder: Path, environment: dict[str, str]) -> Generator[None]:
    """Run *command* on the last core until the block ends."""
    inherited = {name: value for name, value in os.environ.items() if "MERIDIAN" not in name}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=inherited | environment, stdout=log, stderr=log)
    try:
        os.sched_setaffinity(process.pid, {max(_cores())})
        yield
    finally:
        process.terminate()
        process.wait()


def _cores() -> set[int]:
    return set(range(os.cpu_count() or 1))


def _until_open(port: int) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            socket.create_connection((HOST, port)).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin"
