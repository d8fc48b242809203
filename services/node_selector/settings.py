"""What a node selector is told: nothing beyond what every service is told."""

from shared.settings import ServiceSettings


class NodeSelectorSettings(ServiceSettings):
    """A replica has no options of its own: the site's document says how to select."""
