"""`python -m services.config` runs the service; with `init` or `join` it makes a site."""

import argparse
import asyncio
import sys
from pathlib import Path

from nats.errors import Error as NatsError

from services.config.app import build_app
from services.config.founding import Founder
from services.config.settings import ConfigSettings
from shared.crypto.envelope import Identity
from shared.domain.errors import LogUnavailable, MeridianError
from shared.messaging.connection import NatsAccess, connect
from shared.runtime.clock import SystemClock
from shared.runtime.service import run_service


def main() -> None:
    """Run the service, or a verb of it."""
    parser = argparse.ArgumentParser(prog="python -m services.config")
    verbs = parser.add_subparsers(dest="verb")
    init = verbs.add_parser("init", help="make the site: its log, lease and first documents")
    init.add_argument("--site", required=True, help="the site's name")
    init.add_argument("--document", type=Path, help="JSON: {site: {...}, nodes: {name: {...}}}")
    verbs.add_parser("join", help="make this master's empty database one of the site's")
    arguments = parser.parse_args()
    if arguments.verb is None:
        run_service(ConfigSettings, build_app)
        return
    try:
        asyncio.run(_verb(arguments))
    except MeridianError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(1)


async def _verb(arguments: argparse.Namespace) -> None:
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
        await founder.init(client, arguments.site, arguments.document)
    finally:
        await client.close()


if __name__ == "__main__":
    main()
