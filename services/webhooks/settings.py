"""The settings of the webhooks service: those of every service, and no more."""

from shared.settings import ServiceSettings


class WebhooksSettings(ServiceSettings):
    """The settings of every service, no more: the webhooks' documents say where to deliver."""
