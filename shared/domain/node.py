"""The parts that nodes play: by configuration, and as masters at the moment."""

from enum import StrEnum


class NodeRole(StrEnum):
    """The purpose of a node; set in the configuration and never changed by a failover."""

    MASTER = "master"
    TRAFFIC = "traffic"
    WITNESS = "witness"


class MasterRole(StrEnum):
    """The role of a master at the moment; moved by the failover monitor."""

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
