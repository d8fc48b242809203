"""Runs config (`python -m services.config`), or makes a site with `init` or `join`."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Final

from nats.errors import Error as NatsError

from services.config.app import build_app
from services.config.repair.founding import Founder, Plan
from services.config.settings import ConfigSettings
from shared.crypto.envelope import Identity
from shared.domain.errors import AlreadyExists, LogUnavailable, MeridianError, Unavailable
from shared.messaging.connection import NatsAccess, connect
from shared.runtime.clock import SystemClock
from shared.runtime.service import run_service

RETRY_SECONDS: Final = 1.0


def main() -> None:
    """Run the service, or its command `init` or `join`."""
    parser = argparse.ArgumentParser(prog="python -m services.config")
    verbs = parser.add_subparsers(dest="verb")
    init = verbs.add_parser("init", help="make the site: its log, lease and first documents")
    init.add_argument("--site", required=True, help="the site's name")
    init.add_argument("--document", type=Path, help="JSON: {site: {...}, nodes: {name: {...}}}")
    init.add_argument("--public-keys", type=Path, help="JSON: {node: public key}")
    join = verbs.add_parser("join", help="make this master's empty database one of the site's")
    for verb in (init, join):
        verb.add_argument(
            "--once",
            action="store_true",
            help="for containers: wait for the servers, and do nothing where it was done before",
        )
    arguments = parser.parse_args()
    if arguments.verb is None:
        run_service(ConfigSettings, build_app)
        return
    try:
        run = _run_once_servers_answer if arguments.once else _run_command
        asyncio.run(run(arguments))
    except MeridianError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(1)


async def _run_once_servers_answer(arguments: argparse.Namespace) -> None:
    """Run the command as soon as the servers answer, unless it was done before.

    An empty database beside a log that has begun is a master that lost its disk: it joins again.
    """
    founder = Founder(ConfigSettings.read(), SystemClock())
    while True:
        try:
            if not await founder.is_founded():
                await _run_command(arguments)
        except AlreadyExists:
            await founder.join()
        except Unavailable as error:
            sys.stderr.write(f"{error.message}; trying again\n")
            await asyncio.sleep(RETRY_SECONDS)
            continue
        return


async def _run_command(arguments: argparse.Namespace) -> None:
    settings = ConfigSettings.read()
    founder = Founder(settings, SystemClock())
    if arguments.verb == "join":
        await founder.join()
        return
    settings.pre_shared_key()
    access = NatsAccess(settings.nats_servers, settings.nats_user, settings.nats_password())
    try:
        client = await connect(access, Identity(settings.node, "config", "init"), "init")
    except (NatsError, OSError, TimeoutError) as error:
        raise LogUnavailable(f"NATS cannot be reached: {error}") from error
    try:
        await founder.init(client, Plan(arguments.site, arguments.document, arguments.public_keys))
    finally:
        await client.close()


if __name__ == "__main__":
    main()
