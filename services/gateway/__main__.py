"""Runs the gateway: `python -m services.gateway`."""

from services.gateway.app import build_app
from services.gateway.settings import GatewaySettings
from shared.runtime.service import run_service


def main() -> None:
    """Run the gateway."""
    run_service(GatewaySettings, build_app)


if __name__ == "__main__":
    main()
