"""Runs the failover monitor: `python -m services.failover_monitor`."""

from services.failover_monitor.app import build_app
from services.failover_monitor.settings import MonitorSettings
from shared.runtime.service import run_service


def main() -> None:
    """Run the failover monitor."""
    run_service(MonitorSettings, build_app)


if __name__ == "__main__":
    main()
