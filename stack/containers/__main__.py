"""Runs a verb of a site in containers (`python -m stack.containers up`); `make` calls it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from shared.domain.errors import BadSettings, MeridianError
from stack.containers.core.extras import GATEWAY_PORT, RELAY_PORT
from stack.containers.core.variables import parse_port
from stack.containers.new_node import NewNode
from stack.containers.prepare import environment, find_site
from stack.containers.verbs import Verbs

FAILED: Final = 1
MISUSED: Final = 2
INTERRUPTED: Final = 130
DELETE: Final = "delete"


def main(words: Sequence[str] | None = None) -> int:
    """Run the verb that *words* name, and return the exit code."""
    arguments = _parser().parse_args(words)
    try:
        _run(Verbs(find_site(arguments.root.absolute(), environment()), _report), arguments)
    except MeridianError as error:
        sys.stderr.write(f"{error.message}\n")
        return MISUSED if isinstance(error, BadSettings) else FAILED
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on where this one ended\n")
        return INTERRUPTED
    return 0


def _run(verbs: Verbs, arguments: argparse.Namespace) -> None:
    match arguments.verb:
        case "secrets":
            verbs.make_secrets()
        case "up":
            verbs.up()
        case "down":
            if arguments.volumes not in {"", DELETE}:
                raise BadSettings(f"to delete the site's data say VOLUMES={DELETE}")
            verbs.down(arguments.node, deletes_volumes=bool(arguments.volumes))
        case "ps":
            verbs.list_containers()
        case "traffic-node":
            port = parse_port(arguments.port, RELAY_PORT, 7446)
            node = NewNode(arguments.node, port, arguments.region, arguments.timezone or None)
            verbs.add_traffic_node(node, applies=arguments.yes)
        case verb:
            assert verb == "gateway", "the parser knows no other verb"
            verbs.add_gateway(arguments.node, parse_port(arguments.port, GATEWAY_PORT, 8445))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m stack.containers")
    parser.add_argument("--root", type=Path, default=Path(), help="where docker-compose.yml lies")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("secrets", help="make .env and the secrets, unless they are there")
    verbs.add_parser("up", help="start the site, or bring it to what the files say")
    verbs.add_parser("ps", help="list the containers")
    down = verbs.add_parser("down", help="remove the containers; the volumes stay")
    down.add_argument("node", nargs="?", default="", help="only this extra node or gateway")
    down.add_argument("--volumes", default="", help=f"{DELETE}: the site's data as well")
    node = verbs.add_parser("traffic-node", help="one more traffic node")
    node.add_argument("--region", default="eu")
    node.add_argument("--timezone", default="")
    node.add_argument("--yes", action="store_true", help="put it into the configuration")
    gateway = verbs.add_parser("gateway", help="one more gateway")
    for each in (node, gateway):
        each.add_argument("node", nargs="?", default="")
        each.add_argument("--port", default="")
    return parser


def _report(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
