"""The import-linter contract behind the table "who may import whom".

A row says what its modules may import, and everything else is refused: the other way round, a
list of forbidden modules lets through whatever nobody thought of. Only direct imports are judged;
since every module of the project stands under some row, what is reached through another module
was allowed by that module's own row. A row whose modules do not exist yet is kept.

A row's words: `may_import` takes module names (with all that is in them), a leading dot for a
sibling of the row's module, a dot alone for all of them, two dots for a sibling of its package,
and three groups: `pure`, `stdlib`, `third-party`. `never` takes names away again, and
`apart_from` the modules that have a row of their own.
"""

import sys
from typing import ClassVar, cast

import grimp
from importlinter import Contract, ContractCheck, fields, output

WAITS = {"asyncio", "concurrent", "multiprocessing", "queue", "sched", "signal", "threading"}
SPEAKS = {"http", "select", "selectors", "smtplib", "socket", "socketserver", "ssl", "webbrowser"}
TOUCHES = {"ctypes", "fcntl", "glob", "mmap", "os", "pathlib", "shutil", "sqlite3", "tempfile"}
ASKS = {"getpass", "logging", "platform", "random", "secrets", "subprocess", "syslog", "time"}
IMPURE = frozenset(WAITS | SPEAKS | TOUCHES | ASKS)
"""What waits, sends, touches the machine, or asks it for the time, a name or a random number."""

OURS = frozenset({"services", "shared", "clients", "stack", "tests", "bench", "tools"})


def group_of(module: str) -> str:
    """Name the group of a top-level package: `ours`, `pure`, `stdlib` or `third-party`."""
    top = module.partition(".")[0]
    if top in OURS:
        return "ours"
    if top not in sys.stdlib_module_names:
        return "third-party"
    return "stdlib" if top in IMPURE else "pure"


def lies_in(module: str, package: str) -> bool:
    """Say whether *module* is *package* or stands inside it."""
    return module == package or module.startswith(f"{package}.")


def matches(module: str, expression: str) -> bool:
    """Say whether *module* is named by *expression*, where `*` stands for one name."""
    names, wanted = module.split("."), expression.split(".")
    pairs = zip(names, wanted, strict=False)
    return len(names) == len(wanted) and all(w in ("*", n) for n, w in pairs)


def is_allowed(imported: str, owner: str, may_import: list[str], never: list[str]) -> bool:
    """Judge one import made inside *owner*, the module that the row names."""
    allowed = [owner, *(_absolute(name, owner) for name in may_import)]
    refused = [_absolute(name, owner) for name in never]
    if lies_in(imported, owner):
        return True
    if any(lies_in(imported, name) for name in refused):
        return False
    if "stdlib" in may_import:
        allowed.append("pure")
    return group_of(imported) in allowed or any(lies_in(imported, name) for name in allowed)


def _absolute(name: str, owner: str) -> str:
    """Write a row's word in full: `.core` is a sibling of *owner*, `.` the package of both.

    `..core` is a sibling of that package.
    """
    parent = owner.rpartition(".")[0]
    if name.startswith(".."):
        return _absolute(name[1:], parent)
    return (parent + name).rstrip(".") if name.startswith(".") else name


class AllowedImports(Contract):
    """One row of the table: these modules may import that, and nothing else."""

    type_name: ClassVar = "allowed"

    modules = fields.ListField(subfield=fields.StringField())
    may_import = fields.ListField(subfield=fields.StringField(), required=False, default=[])
    never = fields.ListField(subfield=fields.StringField(), required=False, default=[])
    apart_from = fields.ListField(subfield=fields.StringField(), required=False, default=[])

    def check(self, graph: grimp.ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002, FBT001 (import-linter's signature)
        """Collect every import that the row does not allow, with its file and line."""
        breaches = [
            f"{importer}:{detail['line_number']} imports {imported}"
            for owner in self._owners(graph)
            for importer in sorted({owner} | graph.find_descendants(owner))
            if not any(lies_in(importer, name) for name in self._exceptions(graph))
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if not is_allowed(imported, owner, self._words("may_import"), self._words("never"))
            for detail in graph.get_import_details(importer=importer, imported=imported)
        ]
        return ContractCheck(kept=not breaches, metadata={"breaches": breaches})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line per breach."""
        for breach in cast("list[str]", check.metadata["breaches"]):
            output.print_error(breach, bold=False)

    def _words(self, field: str) -> list[str]:
        return cast("list[str]", getattr(self, field))

    def _owners(self, graph: grimp.ImportGraph) -> list[str]:
        wanted = self._words("modules")
        return sorted(m for m in graph.modules if any(matches(m, w) for w in wanted))

    def _exceptions(self, graph: grimp.ImportGraph) -> list[str]:
        wanted = self._words("apart_from")
        return [m for m in graph.modules if any(matches(m, w) for w in wanted)]
