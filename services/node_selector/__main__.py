"""Runs one replica of the node selector: `python -m services.node_selector`."""

from services.node_selector.app import build_app
from services.node_selector.settings import NodeSelectorSettings
from shared.runtime.service import run_service


def main() -> None:
    """Run one replica of the node selector."""
    run_service(NodeSelectorSettings, build_app)


if __name__ == "__main__":
    main()
