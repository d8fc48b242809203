"""Shows the changes of a configuration, made or only planned: what `apply` and `restore` answer."""

from typing import Any, Final

from rich.markup import escape

from clients.cli.output import print_line
from shared.api.documents import DocumentChange

SIGNS: Final = {"create": ("green", "+"), "update": ("yellow", "~"), "delete": ("red", "-")}


def show_change(change: DocumentChange) -> None:
    """Show one change in colour, an update with its fields."""
    colour, sign = SIGNS[change.op]
    print_line(f"[{colour}]{sign} {change.kind} {escape(change.id)}[/{colour}]")
    before: dict[str, Any] = change.before or {}
    after: dict[str, Any] = change.after or {}
    for name in sorted({*before, *after}) if change.op == "update" else ():
        if before.get(name) != after.get(name):
            old, new = escape(repr(before.get(name))), escape(repr(after.get(name)))
            print_line(f"    {name}: [red]{old}[/red] → [green]{new}[/green]")


def describe_result(count: int, revision: object, *, is_dry_run: bool) -> str:
    """Say in a sentence what became of *count* changes, at least one."""
    if is_dry_run:
        return f"{count} change(s) would be made; nothing was written"
    return f"{count} change(s) made, revision {revision}"
