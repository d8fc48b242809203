"""The kinds of commands: each reports errors as one sentence, and most call a site.

A command that calls a site is registered with `cls=SiteCommand` and takes a `SiteContext` first.
The options that all of them have in common are declared here, once, and are no arguments of it. A
command with many options of its own is a class (`SiteCommandClass`).
"""

import contextlib
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

import typer
from pydantic_core import ValidationError
from typer.core import TyperCommand, TyperGroup

from clients.cli import INTERRUPTED
from clients.cli.output import print_json
from clients.site.api import site_client
from clients.site.profile import Profile
from shared.api.call import Call
from shared.api.client import SiteClient
from shared.domain.errors import BadSettings, MeridianError
from shared.domain.files import describe_refusal

A = TypeVar("A")
R = TypeVar("R")

FAILED = 1
MISUSED = 2

SiteOption = Annotated[
    str | None,
    typer.Option("--site", help="The site's gateways, URL[,URL]; default: where you signed in."),
]
CaOption = Annotated[
    Path | None,
    typer.Option("--ca", help="The site's certificate authority: a PEM file, or cert:… itself."),
]
WaitOption = Annotated[
    float,
    typer.Option(
        "--wait",
        metavar="SECONDS",
        min=1.0,
        max=86_400.0,
        help="How long open connections wait for a lost path or side, and a start for relays.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@contextlib.contextmanager
def reported_errors() -> Generator[None]:
    """Turn an error of ours, of an option, or of a file into one sentence and an exit code."""
    try:
        yield
    except MeridianError as error:
        sys.stderr.write(f"meridian: {error.message}\n")
        raise typer.Exit(MISUSED if isinstance(error, BadSettings) else FAILED) from error
    except OSError as error:
        if error.filename is None:
            raise
        sys.stderr.write(f"meridian: {describe_refusal(error.filename, error)}\n")
        raise typer.Exit(MISUSED) from error
    except ValidationError as error:
        sys.stderr.write(f"meridian: {_describe_first(error)}\n")
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt as interrupt:
        raise typer.Exit(INTERRUPTED) from interrupt


def _describe_first(error: ValidationError) -> str:
    """Describe the first field that a model of the API refuses, in the site's own words."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg'].removeprefix('Value error, ')}"


class SiteContext(typer.Context):
    """The context of a command that calls a site: which site, and how its answer is printed."""

    site: str | None = None
    ca: Path | None = None
    prints_json: bool = False

    def profile(self) -> Profile:
        """The site's profile on this machine, with what the command line says on top."""
        return Profile.load(self.site, self.ca)

    def client(self) -> SiteClient:
        """A client of the site's API, to be used in a `with` statement."""
        return site_client(self.profile())

    def ask(self, call: Call[R]) -> R:
        """The site's answer to one call.

        Raises:
            MeridianError: the site refuses, or cannot be reached.
        """
        with self.client() as client:
            return client.ask(call)

    def report(self, answer: A, show: Callable[[A], None]) -> None:
        """Print *answer* as JSON when `--json` was given; else *show* it to a person."""
        if self.prints_json:
            print_json(answer)
        else:
            show(answer)


class Command(TyperCommand):
    """A command that reports its errors."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with reported_errors():
            return self.run(ctx)

    def run(self, ctx: Any) -> Any:
        """Run the command; its errors are reported by the caller."""
        return super().invoke(ctx)


class SiteCommand(Command):
    """A command that calls a site, with `--site`, `--ca` and `--json`."""

    context_class = SiteContext
    has_json: ClassVar = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["params"] = [*kwargs["params"], *_site_options(self.has_json)]
        super().__init__(*args, **kwargs)

    def run(self, ctx: Any) -> Any:
        """Run the command; the common options go to the context, not to the function."""
        _take_site_options(ctx)
        return super().run(ctx)


class TextCommand(SiteCommand):
    """A command that calls a site and prints nothing that a program would read as JSON."""

    has_json = False


class SiteCommandClass(SiteCommand):
    """A command whose options are the fields of a class, performed by its method `run(context)`."""

    def run(self, ctx: Any) -> Any:
        """Make the class's object of the options, and run it."""
        return super().run(ctx).run(ctx)


class SiteGroup(TyperGroup):
    """Commands of which one is run when no other is named; that one calls a site."""

    context_class = SiteContext

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["params"] = [*kwargs["params"], *_site_options(True)]
        super().__init__(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named, or the group's own."""
        _take_site_options(ctx)
        with reported_errors():
            return super().invoke(ctx)


def _site_options(has_json: bool) -> list[Any]:
    """The options that commands for a site have in common, new ones for each command."""
    declared = typer.Typer(add_completion=False)
    declared.command()(_options_with_json if has_json else _options)
    return list(typer.main.get_command(declared).params)


def _options_with_json(
    site: SiteOption = None, ca: CaOption = None, json: JsonOption = False
) -> None: ...


def _options(site: SiteOption = None, ca: CaOption = None) -> None: ...


def _take_site_options(context: SiteContext) -> None:
    context.site = context.params.pop("site")
    context.ca = context.params.pop("ca")
    context.prints_json = context.params.pop("json", False)
