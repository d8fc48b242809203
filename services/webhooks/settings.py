"""The settings of the webhooks service: those of every service, and no more."""

from shared.settings import ServiceSettings


class WebhooksSettings(ServiceSettings):
    """It has no options of its own: the webhooks' documents say where to deliver."""
