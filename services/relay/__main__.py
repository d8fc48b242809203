"""Runs the relay: `python -m services.relay`."""

from services.relay.app import build_app
from services.relay.settings import RelaySettings
from shared.runtime.service import run_service


def main() -> None:
    """Run the relay."""
    run_service(RelaySettings, build_app)


if __name__ == "__main__":
    main()
