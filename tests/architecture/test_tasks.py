"""Every task contains its faults: it is made by `Containment`, or says here where they go.

A task that is made by hand and fails ends unseen, or ends its process, and one bad field of one
receiver was enough for that. Whoever needs a task starts it by `shared.runtime.containment`; the
table has the few others.
"""

import ast
from collections.abc import Iterator

from tests.architecture.sources import Source, called, sources

MAKES_TASKS = {"create_task", "ensure_future", "TaskGroup", "Task", "run_coroutine_threadsafe"}

ALLOWED = {
    ("shared/runtime/containment.py", "_task"): "the one place where contained tasks are made",
    ("shared/runtime/service.py", "serve"): "the service's own tasks: one that ends, ends it",
    ("services/failover_monitor/lease/runner.py", "__init__"): "its calls are contained one by one",
    ("services/failover_monitor/lease/runner.py", "_start"): "its calls are contained one by one",
    ("services/failover_monitor/redirection/redirector.py", "run"): "its own worker contains them",
    ("services/gateway/configuration/proposals.py", "send"): "awaited: the author gets the error",
    ("clients/session/channel.py", "_converse"): "gathered when the connection is over",
    ("clients/session/live.py", "_control_channel"): "its end has a callback, and is awaited",
    ("clients/session/lifetime.py", "running"): "it only narrates, which never fails",
    ("clients/endpoint/endpoint.py", "_dial"): "contains its faults; a broken invariant is told",
    (
        "clients/endpoint/forwarding.py",
        "_on_opened",
    ): "contains its faults",
    (
        "clients/endpoint/probing.py",
        "measure_latencies",
    ): "contain their faults; the results are awaited",
    ("clients/cli/up.py", "_run"): "awaited by the command",
    ("clients/cli/up.py", "_run_site"): "the supervisor, awaited by the command",
    ("clients/cli/up.py", "begin"): "the live table, gathered at the end",
}
"""File and function of each task that is made by hand, and the reason why no fault gets lost."""


def made_by_hand(source: Source) -> Iterator[tuple[str, str]]:
    """The functions of *source* that make a task."""
    for function in source.functions():
        calls = (node for node in ast.walk(function) if isinstance(node, ast.Call))
        if any(called(call).rpartition(".")[2] in MAKES_TASKS for call in calls):
            yield source.name, function.name


def all_made_by_hand() -> set[tuple[str, str]]:
    return {
        each for source in sources("services", "shared", "clients") for each in made_by_hand(source)
    }


def test_a_task_is_made_by_the_containment_or_says_where_its_faults_go() -> None:
    unknown = all_made_by_hand() - set(ALLOWED)
    assert sorted(unknown) == [], "start them with shared.runtime.containment, for their faults"


def test_the_table_names_nothing_that_is_gone() -> None:
    assert sorted(set(ALLOWED) - all_made_by_hand()) == []


def test_a_task_made_by_hand_is_found() -> None:
    text = "class A:\n    def b(self):\n        self._loop.create_task(self.run())\n"
    source = Source(sources("shared")[0].path, text)
    assert [name for _, name in made_by_hand(source)] == ["b"]
