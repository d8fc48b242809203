"""Runs one master's webhooks: `python -m services.webhooks`."""

from services.webhooks.app import build_app
from services.webhooks.settings import WebhooksSettings
from shared.runtime.service import run_service


def main() -> None:
    """Run one master's webhooks."""
    run_service(WebhooksSettings, build_app)


if __name__ == "__main__":
    main()
