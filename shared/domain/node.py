"""What a node is there for, and what a master does at the moment."""

from enum import StrEnum


class NodeRole(StrEnum):
    """What a node is there for; set in the configuration and never changed by a failover."""

    MASTER = "master"
    TRAFFIC = "traffic"
    WITNESS = "witness"


class MasterRole(StrEnum):
    """What a master does at the moment; moved by the failover monitor."""

    PRIMARY = "primary"
    BACKUP = "backup"


class FailoverRole(StrEnum):
    """A master's part in the failover API of the field's product; none without a second master."""

    NONE = "none"
    PRIMARY = "primary"
    BACKUP = "backup"


class Side(StrEnum):
    """The two ends of a session."""

    CUSTOMER = "customer"
    REPRESENTATIVE = "representative"

    @property
    def other(self) -> "Side":
        return Side.REPRESENTATIVE if self is Side.CUSTOMER else Side.CUSTOMER
