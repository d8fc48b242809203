"""The errors, sorted by what the receiver should do.

```
MeridianError
├── Rejected       the sender is wrong; never retry   -> terminate the message, answer with the code
│   ├── InvalidChange        the change breaks a rule of the configuration
│   ├── RevisionConflict     the document is not at the revision that the caller expected
│   ├── RequestReused        the request id was used for another change
│   ├── NotFound             no such document, session or node
│   ├── AlreadyExists        a new name is taken
│   ├── InUse                what is to be deleted is named by others; referrers says by whom
│   ├── NotPrimary           this master is not the primary
│   ├── StaleEpoch           a newer primary exists
│   ├── AlreadyPrimary       this master has the role that it is to get
│   ├── NotReady             this master cannot take the role over now; reasons says why
│   ├── UnderWay             somebody else's order is being carried out
│   ├── LogNotLost           the log is not lost, or not known to be; nothing is rebuilt
│   ├── MasterSilent         a master must be asked first, and does not answer
│   ├── AnotherHistory       two masters' databases are not of one history
│   ├── NoHistory            this master's database is empty; the site cannot go on from it
│   ├── NotForced            it may do harm, and the operator does not insist or gives no reason
│   ├── PromotionUnderWay    another operator promotes the same master right now
│   ├── QuorumThere          the log's servers have a quorum; force is neither needed nor safe
│   ├── ServerNotAlone       the master's NATS server is one of a cluster; start it alone first
│   ├── Undecodable          bytes or text are not what they should be; reason and place say why
│   ├── BadSignature         the message does not prove membership
│   ├── TooOld               the message is signed well, its time lies outside the window
│   ├── Replayed             the message came before
│   ├── Unauthenticated      no valid credential came with the request
│   ├── Forbidden            the credential does not allow this
│   ├── TooManyRequests      a network sent too many of one kind; wait
│   │   ├── TooManyAttempts      wrong passwords
│   │   ├── TooManyNameplates    nameplates of no session
│   │   ├── TooManyTokens        endpoint tokens that are none
│   │   ├── TooManyArrivals      customers who arrive
│   │   └── TooManyProbeLists    questions which relays to measure
│   ├── AlreadyTaken         somebody else took the customer first
│   ├── AlreadyConnected     another program holds this side of the session
│   ├── TooLarge             there is more of it than could be of use
│   ├── InvalidTicket        a relay ticket is forged, expired or for another node
│   ├── SessionEnded         the session is closed
│   ├── BackupRefused        a backup cannot be brought back; nothing was changed
│   │   ├── BackupTruncated      a part of the file is missing
│   │   ├── BackupDamaged        it is not as it was written, or no backup at all
│   │   ├── BackupForeign        it is of another cluster, or of another site's secret
│   │   ├── BackupTooNew         a later release wrote it
│   │   └── WrongPassphrase      it is sealed with something else
│   └── BadSettings          an option or a key cannot be used as it is
└── Unavailable    nobody is wrong; retry later       -> nak with a delay
    ├── Reserved             the program that held this side may come back within a moment
    ├── NoTrafficNode        no node may take this client now
    ├── TooManySignIns       others sign in at this moment; the places are taken
    ├── NoPrimary            no primary answered in time
    ├── StoreUnavailable     the database failed or does not answer
    ├── LogUnavailable       the cluster log did not answer
    ├── BrokenChunk          a part of a snapshot is not what was signed; another is fetched
    ├── Stopping             the process that was asked is ending; another one answers
    ├── RedirectionFailed    the site's address was not led here; it is tried again
    └── OutcomeUnknown       it may have happened; ask again with the same request id
AssertionError     we are wrong; stop                 -> log, do not ack, exit non-zero
```

`MeridianError`, `Rejected` and `Undecodable` are declared one package below, in `shared.decoding`.
"""

from typing import Final

from shared.decoding.errors import MeridianError, Rejected, Undecodable

__all__ = ["MeridianError", "Rejected", "Undecodable"]  # beside what is defined here


class InvalidChange(Rejected):
    """The change breaks a rule of the configuration; *field* says where."""

    code = "invalid_change"


class RevisionConflict(Rejected):
    """The document is not at the revision that the caller expected."""

    code = "revision_conflict"


class RequestReused(Rejected):
    """The request id was used before for another change."""

    code = "request_reused"


class NotFound(Rejected):
    """The document, session or node does not exist."""

    code = "not_found"


class AlreadyExists(Rejected):
    """The name is taken."""

    code = "already_exists"


class InUse(Rejected):
    """Other documents name what is to be deleted; *referrers* says which."""

    code = "in_use"


class NotPrimary(Rejected):
    """This master is not the primary; ask the other."""

    code = "not_primary"


class StaleEpoch(Rejected):
    """A newer primary exists."""

    code = "stale_epoch"


class AlreadyPrimary(Rejected):
    """This master already has the role that it is to get."""

    code = "already_primary"


class NotReady(Rejected):
    """This master cannot take the role over now; *reasons* says why."""

    code = "not_ready"


class UnderWay(Rejected):
    """Somebody else's order is being carried out."""

    code = "under_way"


class LogNotLost(Rejected):
    """The log is not lost, or not known to be; it is not rebuilt."""

    code = "log_not_lost"


class MasterSilent(Rejected):
    """A master must be asked before this is done, and does not answer; *masters* says which."""

    code = "master_silent"


class AnotherHistory(Rejected):
    """Neither of two databases is the beginning of the other; an operator has to choose."""

    code = "another_history"


class NotForced(Rejected):
    """The action may do harm, and the operator does not insist, or does not say why."""

    code = "not_forced"


class PromotionUnderWay(Rejected):
    """Another operator promotes the same master right now."""

    code = "promotion_under_way"


class NoHistory(Rejected):
    """This master's database is empty; the site cannot go on from it."""

    code = "no_history"


class QuorumThere(Rejected):
    """The log's servers have a quorum; a promotion by force is neither needed nor safe."""

    code = "quorum_there"


class ServerNotAlone(Rejected):
    """The master's NATS server is one of a cluster; it has to be started alone first."""

    code = "server_not_alone"


class BadSignature(Rejected):
    """The message does not prove membership of the cluster, or its sender may not send it."""

    code = "bad_signature"


class TooOld(BadSignature):
    """The message is signed well but its time lies outside the window."""

    code = "too_old"


class Replayed(BadSignature):
    """The message came before."""

    code = "replayed"


class Unauthenticated(Rejected):
    """No valid credential came with the request."""

    code = "unauthenticated"


class Forbidden(Rejected):
    """The credential does not allow this."""

    code = "forbidden"


class TooManyRequests(Rejected):
    """Too many requests of one kind came from one network; wait *retry_after_seconds*."""

    code = "too_many_requests"


class TooManyAttempts(TooManyRequests):
    """Too many passwords were wrong."""

    code = "too_many_attempts"


class TooManyNameplates(TooManyRequests):
    """Too many nameplates belonged to no session."""

    code = "too_many_nameplates"


class TooManyTokens(TooManyRequests):
    """Too many endpoint tokens were not valid."""

    code = "too_many_tokens"


class TooManyArrivals(TooManyRequests):
    """Too many customers arrived."""

    code = "too_many_arrivals"


class TooManyProbeLists(TooManyRequests):
    """Too many endpoints asked which relays to measure."""

    code = "too_many_probe_lists"


class AlreadyTaken(Rejected):
    """Somebody else took the customer first."""

    code = "already_taken"


class AlreadyConnected(Rejected):
    """Another program holds this side of the session."""

    code = "already_connected"


class TooLarge(Rejected):
    """The data is larger than could be of use; *limit_bytes* says how much may be."""

    code = "too_large"


class InvalidTicket(Rejected):
    """A relay ticket is forged, expired or for another node."""

    code = "invalid_ticket"


class SessionEnded(Rejected):
    """The session is closed."""

    code = "session_ended"


class BackupRefused(Rejected):
    """A backup cannot be brought back; nothing was changed."""

    code = "backup_refused"


class BackupTruncated(BackupRefused):
    """A part of the backup's file is missing."""

    code = "backup_truncated"


class BackupDamaged(BackupRefused):
    """The backup is not as it was written, or no backup at all."""

    code = "backup_damaged"


class BackupForeign(BackupRefused):
    """The backup is of another cluster, or sealed with another site's secret."""

    code = "backup_foreign"


class BackupTooNew(BackupRefused):
    """A later release wrote the backup."""

    code = "backup_too_new"


class WrongPassphrase(BackupRefused):
    """The backup is sealed with another passphrase, or with none."""

    code = "wrong_passphrase"


class BadSettings(Rejected):
    """An option or a key cannot be used as it is."""

    code = "bad_settings"


class Unavailable(MeridianError):
    """The request is in order, but cannot succeed now; the same may succeed later."""

    code = "unavailable"


class Reserved(Unavailable):
    """The program that held this side of the session may come back within a moment."""

    code = "reserved"


class NoTrafficNode(Unavailable):
    """No node may take this client now."""

    code = "no_traffic_node"


class TooManySignIns(Unavailable):
    """Every place for a sign-in is taken; wait *retry_after_seconds*."""

    code = "too_many_sign_ins"


class NoPrimary(Unavailable):
    """No primary answered in time."""

    code = "no_primary"


class StoreUnavailable(Unavailable):
    """The database failed or does not answer."""

    code = "store_unavailable"


class LogUnavailable(Unavailable):
    """The cluster log did not answer."""

    code = "log_unavailable"


class BrokenChunk(Unavailable):
    """A part of a snapshot is not what was signed; it is fetched again, or a newer snapshot is."""

    code = "broken_chunk"


class Stopping(Unavailable):
    """The process that was asked is ending; another one answers the same request."""

    code = "stopping"


class RedirectionFailed(Unavailable):
    """The site's address was not led to the new primary; it is tried again."""

    code = "redirection_failed"


class OutcomeUnknown(Unavailable):
    """The action may have happened; ask again with the same request id."""

    code = "outcome_unknown"


def _tree(root: type[MeridianError]) -> tuple[type[MeridianError], ...]:
    return (root, *(each for child in root.__subclasses__() for each in _tree(child)))


BY_CODE: Final[dict[str, type[MeridianError]]] = {each.code: each for each in _tree(MeridianError)}


def from_code(code: str, message: str, /, **attributes: object) -> MeridianError:
    """The error that another process named by *code*; an unknown code gives `MeridianError`."""
    return BY_CODE.get(code, MeridianError)(message, **attributes)
