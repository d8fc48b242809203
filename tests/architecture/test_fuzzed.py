"""A decoder that is added is fuzzed: whoever calls into the boundary is covered by a target."""

import ast
from collections import Counter
from collections.abc import Iterator

from shared.decoding.errors import REASONS
from tests.architecture.sources import PRODUCT, Source, sources
from tools.fuzz.targets import TARGETS

BOUNDARY = "shared.decoding"
NO_DECODERS = frozenset(
    {
        "Json",
        "Bounds",
        "MESSAGE",
        "FILE",
        "LARGEST_INTEGER",
        "SMALLEST_INTEGER",
        "shown",
        "one_line",
    }
)
"""Names of the boundary that decode nothing; errors, which begin in capitals, are none either."""

NOT_FUZZED = {
    "clients.rehearsal.picture:_coast": "the coast is a file of this package",
    "services.failover_monitor.redirection.netlink:_interface": "the kernel says it",
    "shared.persistence.pool:_read_json": "hands decode_own_json on, which is fuzzed",
    "stack.control:send_order": "its one writer is `meridian up` of the same user, by a socket",
    "stack.demo.programs:RunningProgram.events": "the demonstration's own programs say it",
    "stack.demo.session:Carried.open": "the demonstration's own programs say it",
    "stack.fork_server:ForkServer.read": "its one writer is the process that started it, by a pipe",
    "stack.processes:ForkServerClient._read": "its one writer is the fork server, by a pipe",
    "stack.link_proxy:LinkProxy.serve_control": "tests alone speak to it, by a socket of their own",
    "stack.link_proxy:main": "tests alone write the file",
}
"""Callers without a target, each with the reason; at most 12."""


def decoders_of(tree: ast.Module) -> frozenset[str]:
    """The decoding functions and readers that a module imports from the boundary."""
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(BOUNDARY)
        if not (node.module or "").endswith(".errors")
        for alias in node.names
    }
    return frozenset(imported - NO_DECODERS)


def callers_in(source: Source) -> Iterator[str]:
    """The functions of *source* that decode something, as `module:Class.method`."""
    decoders = decoders_of(source.tree)

    def visit(node: ast.AST, place: str) -> Iterator[str]:
        for each in ast.iter_child_nodes(node):
            if isinstance(each, ast.ClassDef):
                yield from visit(each, f"{place}{each.name}.")
            elif isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and any(
                isinstance(name, ast.Name) and name.id in decoders for name in ast.walk(each)
            ):
                yield f"{source.module}:{place}{each.name}"

    return visit(source.tree, "")


def all_callers() -> set[str]:
    product = (each for each in sources(*PRODUCT) if not each.module.startswith(BOUNDARY))
    return {name for source in product for name in callers_in(source)}


def test_every_function_that_decodes_is_covered_by_a_fuzz_target() -> None:
    covered = {name for target in TARGETS for name in target.covers}
    assert sorted(all_callers() - covered - NOT_FUZZED.keys()) == [], (
        "add a target to tools/fuzz/targets, or the function to what one covers: CONTRIBUTING.md"
    )


def test_every_decoder_of_the_boundary_is_covered_itself() -> None:
    covered = {name for target in TARGETS for name in target.covers}
    own = {
        f"{source.module}:{node.name}"
        for source in sources("shared")
        if source.module.startswith(BOUNDARY)
        for node in source.tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    assert sorted(own - covered) == []


def test_every_exception_is_needed_and_they_are_few() -> None:
    assert all_callers() >= NOT_FUZZED.keys()
    assert len(NOT_FUZZED) <= 12


def test_targets_have_names_of_their_own_and_reach_every_reason_of_the_boundary() -> None:
    assert [
        name for name, count in Counter(each.name for each in TARGETS).items() if count > 1
    ] == []
    assert {reason for each in TARGETS for reason in each.reasons} >= REASONS


def test_the_rule_finds_a_decoder_that_somebody_adds() -> None:
    text = (
        "from shared.decoding.fields import Fields, decode_object\n"
        "from shared.decoding.jsontext import FILE\n"
        "class Reader:\n"
        "    def read(self, data):\n"
        "        return decode_object(data, 'x', FILE)\n"
        "def bound(): return FILE\n"
        "def member(fields: Fields): return fields.text('x')\n"
    )
    source = Source(sources("shared")[0].path, text)
    assert [each.partition(":")[2] for each in callers_in(source)] == ["Reader.read", "member"]
