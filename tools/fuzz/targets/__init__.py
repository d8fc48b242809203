"""Every target; a decoder that is added to the product is added here."""

from tools.fuzz.target import Target
from tools.fuzz.targets import (
    answers,
    api_routes,
    api_server,
    containers,
    crypto,
    decoding,
    files,
    log,
    messages,
    servers,
    stored,
    trust,
    wire,
)

TARGETS: tuple[Target, ...] = (
    *decoding.TARGETS,
    *crypto.TARGETS,
    *log.TARGETS,
    *servers.TARGETS,
    *messages.TARGETS,
    *stored.TARGETS,
    *api_routes.TARGETS,
    *wire.TARGETS,
    *files.TARGETS,
    *trust.TARGETS,
    *api_server.TARGETS,
    *answers.TARGETS,
    *containers.TARGETS,
)


def find(name: str) -> Target:
    """The target of that name.

    Raises:
        SystemExit: there is none.
    """
    for each in TARGETS:
        if each.name == name:
            return each
    raise SystemExit(f"there is no target {name!r}: {', '.join(each.name for each in TARGETS)}")
