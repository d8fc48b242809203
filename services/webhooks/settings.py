"""What the webhooks service is told: nothing beyond what every service is told."""

from shared.settings import ServiceSettings


class WebhooksSettings(ServiceSettings):
    """It has no options of its own: the webhooks' documents say where to deliver."""
