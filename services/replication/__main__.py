"""Runs the replication: `python -m services.replication`."""

from services.replication.app import build_app
from services.replication.settings import ReplicationSettings
from shared.runtime.service import run_service


def main() -> None:
    """Run the replication."""
    run_service(ReplicationSettings, build_app)


if __name__ == "__main__":
    main()
