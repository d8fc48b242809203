"""A service's context stays with its composition root: others receive the parts that they use."""

import ast

from tests.architecture.sources import sources

HOLDERS = frozenset({"shared/runtime/context.py", "shared/runtime/service.py"})


def names_the_context(tree: ast.AST) -> bool:
    names = (node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    return "ServiceContext" in names


def test_only_composition_roots_hold_a_context() -> None:
    holders = {each.name for each in sources("services", "shared") if names_the_context(each.tree)}
    strangers = {name for name in holders - HOLDERS if not name.endswith("/app.py")}
    assert not strangers, "pass the parts of the context that are used, in app.py"
