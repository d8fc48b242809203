"""What a node selector is told beyond what every service is told."""

from pathlib import Path

from shared.settings import ServiceSettings


class NodeSelectorSettings(ServiceSettings):
    """Where the database of places is; everything else the site's document says."""

    geo_database_file: Path | None = None
