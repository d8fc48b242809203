"""The settings of a node selector beyond those of every service."""

from pathlib import Path

from shared.settings import ServiceSettings


class NodeSelectorSettings(ServiceSettings):
    """The path of the database of places; the site's document holds everything else."""

    geo_database_file: Path | None = None
