"""The phases of a session, and the reasons for its end."""

from enum import StrEnum


class SessionPhase(StrEnum):
    """The phase of a session."""

    WAITING = "waiting"
    ACTIVE = "active"
    CLOSED = "closed"


class CloseReason(StrEnum):
    """The reason for the end of a session.

    An endpoint may give any reason but `closed_by_user`. A reason of a later release is read as
    `other`.
    """

    CLOSED_BY_ENDPOINT = "closed_by_endpoint"
    CLOSED_BY_USER = "closed_by_user"
    EXPIRED = "expired"
    KEY_BURNT = "key_burnt"
    PROTOCOL_ERROR = "protocol_error"
    OTHER = "other"

    @classmethod
    def _missing_(cls, value: object) -> "CloseReason | None":
        return cls.OTHER if isinstance(value, str) else None
