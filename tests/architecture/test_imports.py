"""Importing a module does nothing: what there is to do begins in `build_app` or `main`."""

import ast
import subprocess
import sys

from tests.architecture.sources import PRODUCT, ROOT, Source, called, sources

STANDING = {"AsyncClient", "FastAPI", "FastStream", "NatsBroker", "NatsClient", "Process", "Thread"}
HARMLESS = {"model_rebuild"}
IMPORT_ALL = """
import importlib, sys, threading

def refuse(event, arguments):
    if event in {"socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.fork"}:
        raise SystemExit(f"{event} {arguments} while importing {module}")
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        raise SystemExit(f"writes {arguments[0]} while importing {module}")

sys.dont_write_bytecode = True
module = ""
sys.addaudithook(refuse)
for module in sys.argv[1:]:
    importlib.import_module(module)
assert threading.active_count() == 1, threading.enumerate()
"""


def test_no_module_makes_a_broker_an_app_or_settings() -> None:
    made = [_at(each, call) for each in sources(*PRODUCT) for call in _made(each.tree)]
    assert made == []


def test_no_module_acts_when_it_is_imported() -> None:
    acting = [
        _at(each, node)
        for each in sources("services", "shared")
        for node in each.tree.body
        if _acts(node)
    ]
    assert acting == []


def test_importing_everything_opens_no_socket_and_starts_nothing() -> None:
    modules = [s.module for s in sources(*PRODUCT) if s.path.name != "__main__.py"]
    command = [sys.executable, "-W", "ignore", "-c", IMPORT_ALL, *modules]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _at(source: Source, node: ast.stmt | ast.expr) -> str:
    return f"{source.name}:{node.lineno}"


def _made(tree: ast.Module) -> list[ast.Call]:
    """List the calls of a module's own level that make something which stands for ever."""
    assigned = [n.value for n in tree.body if isinstance(n, ast.Assign | ast.AnnAssign) and n.value]
    calls = [node for value in assigned for node in ast.walk(value) if isinstance(node, ast.Call)]
    names = [(call, called(call).rpartition(".")[2]) for call in calls]
    return [call for call, name in names if name in STANDING or name.endswith("Settings")]


def _acts(node: ast.stmt) -> bool:
    """Say whether a statement does something else than to name a thing."""
    match node:
        case ast.Expr(value=ast.Constant()):
            return False
        case ast.Expr(value=ast.Call() as call):
            return called(call).rpartition(".")[2] not in HARMLESS
        case ast.Expr() | ast.For() | ast.While() | ast.With() | ast.Try():
            return True
        case ast.If():
            return "__name__" not in ast.unparse(node.test) and any(map(_acts, node.body))
        case _:
            return False
