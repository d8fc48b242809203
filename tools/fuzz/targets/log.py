"""The log, its snapshots and bundles, and backups: what is stored and read by every copy alike."""

import base64
import hashlib
import zlib
from collections.abc import Iterable

from services.config.core.chain import Chain
from services.gateway.backups.core.contents import Contents
from services.replication.core.follower import Follower, Skip
from services.replication.core.snapshot import Snapshot
from shared.clusterlog.names import list_generations
from shared.crypto.backup import LENGTH, MAGIC, BackupKey, BackupOpener, BackupSealer, Header
from shared.domain.bundle import pack, unpack
from shared.domain.ids import (
    ClusterId,
    Epoch,
    LogGeneration,
    NodeId,
    Revision,
    Sequence,
    UnixMillis,
)
from shared.domain.log import (
    EMPTY_HASH,
    ENTRY_TYPE,
    LogEntry,
    LogPosition,
    StoredEntry,
    empty_position,
    entry_hash,
    follows,
)
from shared.domain.snapshot import MANIFEST_TYPE, Chunk, ChunkRef, Manifest, SignedSnapshot
from tools.fuzz.held import answering, finished
from tools.fuzz.samples import NO_JSON, after, encoded, joined, varied
from tools.fuzz.target import Dropped, Target, parts, text_of

POSITION = {"log_generation": 1, "revision": 2, "sequence": 2, "epoch": 1, "hash": EMPTY_HASH}
DOCUMENT = {"kind": "node", "id": "berlin", "revision": 1, "body": {"role": "traffic"}}
CHANGE = {
    "kind": "node",
    "id": "berlin",
    "op": "put",
    "body": {"role": "traffic"},
    "author": "rita",
    "request_id": "r",
    "request_digest": "",
}
ENTRY = {
    "log_generation": 1,
    "revision": 1,
    "epoch": 0,
    "changes": [
        CHANGE,
        {**CHANGE, "op": "epoch_began", "kind": "cluster", "body": {"mode": "degraded"}},
    ],
    "at": 1,
    "previous_hash": EMPTY_HASH,
}
STORED = {
    "type": ENTRY_TYPE,
    "body": "{}",
    "hash": entry_hash(b"{}"),
    "signer": "alpha",
    "signature": "00",
}
KEY = BackupKey(b"r" * 32, by_passphrase=False)
PHRASE = BackupKey.of_passphrase("correct horse battery")
OTHER_PHRASE = BackupKey.of_passphrase("another horse battery")
CLUSTER = ClusterId("0123456789abcdef")


def _entry(data: bytes) -> object:
    """An entry's body, as the chain, a follower and the log's readers take it."""
    how, body = parts(data, 2)
    if how == b"message":
        return StoredEntry.decode(body)
    entry = LogEntry.decode(body)
    stored = StoredEntry(body, entry_hash(body), NodeId("alpha"), b"")
    found = StoredEntry.decode(stored.encode())
    for may_skip in (True, False):
        chain = Chain(None, lambda _: True, may_skip=may_skip)
        chain.add(found.encode(), Sequence(1))
        chain.add(found.encode(), Sequence(2))
    Chain(None, lambda _: False, may_skip=False).add(found.encode(), Sequence(1))
    end = LogPosition(LogGeneration(1), Revision(6), Sequence(6), Epoch(3), EMPTY_HASH)
    follows(end, entry)
    verdict = Follower(empty_position(LogGeneration(1))).judge(Sequence(1), found, proven=True)
    if isinstance(verdict, Skip):
        raise Dropped("skipped")
    return entry.begins_epoch, entry.begins_generation, entry.encode()


def _entry_corpus() -> Iterable[bytes]:
    yield from after(b"", varied(ENTRY))
    for epoch in (2, 3, 4):  # what another primary wrote, against the epoch that is reached
        yield joined(b"", encoded({**ENTRY, "revision": 7, "epoch": epoch}))
        yield joined(b"", encoded({**ENTRY, "revision": 7, "epoch": epoch, "changes": [CHANGE]}))
    yield from after(b"message", varied(STORED))


def _chunk(data: bytes) -> object:
    """A chunk; with `lines` before it, its unpacked lines."""
    how, body = parts(data, 2)
    return Chunk.decode(zlib.compress(body) if how == b"lines" else body)


def _chunk_corpus() -> Iterable[bytes]:
    for line in (
        ["d", "node", "berlin", 1, {"role": "traffic"}],
        ["r", "id", "digest", 1, 2],
        ["x"],
    ):
        yield from after(b"lines", varied(line))
    yield joined(b"lines", b'["x"]\n\n["x"]')
    packed = zlib.compress(b'["x"]')
    yield from after(b"", (b"", packed, packed[:-1], packed + b"x", b"no zlib", zlib.compress(b"")))
    yield from after(b"", (zlib.compress(b" " * 1_500_000), zlib.compress(b" " * 10_000_000)))


def _snapshot(data: bytes) -> object:
    """A manifest, a snapshot in one piece, or what is signed of either."""
    which, body = parts(data, 2)
    if which == b"manifest":
        return Manifest.decode(body)
    if which == b"signed":
        return SignedSnapshot.decode(body)
    return Snapshot.decode(body)


def _snapshot_corpus() -> Iterable[bytes]:
    mode = {"position": POSITION, "mode": "synchronous", "scope": "full"}
    requests = [["id", "digest", 1, 2]]
    yield from after(b"manifest", varied({"type": MANIFEST_TYPE, **mode, "chunks": [["ff", 1]]}))
    yield from after(b"signed", varied({"body": "{}", "signer": "alpha", "signature": "00"}))
    whole = {"type": "meridian/snapshot/v1", **mode, "documents": [DOCUMENT], "requests": requests}
    yield from after(b"", varied(whole))


def _bundle(data: bytes) -> object:
    """A bundle; with `packed` before it, bytes that are packed as they are."""
    how, body = parts(data, 2)
    if how == b"packed":
        return unpack(base64.b64encode(zlib.compress(body)).decode())
    return unpack(text_of(body))


def _bundle_corpus() -> Iterable[bytes]:
    good = pack([b"{}", b"[]"])[0].encode()
    yield from after(b"", (good, good[:-4], b"", b"!", b"AAEC", "é".encode()))
    yield from after(b"packed", (b"", b"a\nb", b"\xff"))
    yield joined(b"", base64.b64encode(zlib.compress(b"x") + b"more"))


def _backup(data: bytes) -> object:
    """A backup's bytes; with `sealed` before them, frames' contents that are sealed as they are."""
    how, body = parts(data, 2)
    if how == b"header":
        return Header.decode(body)
    if how == b"framed":
        body = MAGIC + LENGTH.pack(len(body)) + body
        body += LENGTH.pack(0) + hashlib.sha256(body + LENGTH.pack(0)).digest()
    if how == b"phrase":
        return [*BackupOpener(PHRASE).feed(body)]
    if how == b"sealed":
        sealer = BackupSealer(KEY, CLUSTER, "site", UnixMillis(1))
        frames = body.split(b"\x1d")
        frames_out = (sealer.frame(each, is_last=each is frames[-1]) for each in frames)
        body = sealer.begin() + b"".join(frames_out)
    opener, contents = BackupOpener(KEY), Contents()
    half = len(body) // 2
    plain = [*opener.feed(body[:half]), *opener.feed(body[half:]), *opener.end()]
    for frame in plain:
        contents.add_frame(frame)
    contents.bodies()
    return contents.require_whole()


def _backup_corpus() -> Iterable[bytes]:
    header = {
        "version": 1,
        "cluster_id": CLUSTER,
        "site": "site",
        "at_unix_ms": 1,
        "key": "site_secret",
        "salt": "AAECAwQFBgcICQoLDA0ODw==",
        "check": "00",
        "silent": ["bravo"],
    }
    yield from after(b"header", varied(header))
    yield from after(b"framed", (encoded(header), encoded({**header, "key": "passphrase"}), b"{}"))
    sealer = BackupSealer(KEY, CLUSTER, "site", UnixMillis(1))
    whole = sealer.begin() + sealer.frame(b"M{}") + sealer.frame(b"E", is_last=True)
    cut = (
        whole,
        whole[:-1],
        whole[:40],
        b"",
        MAGIC[:4],
        b"no backup",
        whole + b"x",
        MAGIC + b"\xff" * 4,
    )
    yield from after(b"", cut)
    yield from after(b"", (whole[:-60] + b"\xff" + whole[-59:], whole[:-40] + LENGTH.pack(0) * 10))
    other = BackupSealer(KEY, CLUSTER, "site", UnixMillis(1))
    start = other.begin()
    yield joined(b"", start + LENGTH.pack(0) + hashlib.sha256(start + LENGTH.pack(0)).digest())
    yield joined(b"phrase", BackupSealer(PHRASE, CLUSTER, "site", UnixMillis(1)).begin())
    yield joined(b"phrase", BackupSealer(OTHER_PHRASE, CLUSTER, "site", UnixMillis(1)).begin())
    yield joined(b"", whole[:-36] + hashlib.sha256(b"").digest()[:30])
    yield joined(b"", MAGIC + (100).to_bytes(4, "big") + b"{")
    for size in (LENGTH.pack(5_000), LENGTH.pack(0)):
        yield joined(b"", MAGIC + size)
    bad = start + LENGTH.pack(20) + b"x" * 20 + LENGTH.pack(0)
    yield joined(b"", bad + hashlib.sha256(bad).digest())
    yield from after(b"sealed", (b"\x1d".join(each) for each in _frames()))


def _frames() -> Iterable[tuple[bytes, ...]]:
    """The frames of a backup that is whole, then of some that are not."""
    chunk = zlib.compress(encoded(["d", "user", "rita", 1, {"role": "representative"}]))
    while b"\x1d" in chunk or b"\x1e" in chunk:  # what parts the frames of an input
        chunk = zlib.compress(
            encoded(["d", "user", f"rita{len(chunk)}", 1, {"role": "x" * len(chunk)}])
        )
    ref = ChunkRef.of(chunk)
    mode = {"type": MANIFEST_TYPE, "position": POSITION, "mode": "synchronous", "scope": "full"}
    manifest = encoded({**mode, "chunks": [[ref.hash, ref.size]]})
    signed = encoded({"body": manifest.decode(), "signer": "alpha", "signature": "00"})
    conflict = encoded({"line": {"id": "c1"}, "bundle": "x"})
    first, second = b"M" + signed, b"C" + chunk
    passwords = b'P{"rita":"hash"}'
    yield first, second, b"K" + conflict, b"K" + conflict, passwords, b"E"
    yield from ((first, second), (second,), (first, first), (first, b"E", b"E"), (first, b"Cx"))
    yield from (
        (first, b"Z"),
        (first, b'P{"rita":1}'),
        (first, b"K{}"),
        (b"M{}",),
        (first, second, second),
    )
    yield from ((first, b"K" + encoded({"line": [], "bundle": "x"})), (b"",), (first, b"E"))


def _generations(data: bytes) -> object:
    return finished(list_generations(answering(data), 1.0))


def _generations_corpus() -> Iterable[bytes]:
    yield from varied(
        {"streams": ["LOG-1", "LOG-x", "LOG-" + "9" * 18, "LOG-" + "9" * 30], "total": 1}
    )
    yield from (encoded({"error": {"code": 503}}), encoded({"streams": None}), *NO_JSON)


TARGETS = (
    Target(
        "log.entry",
        _entry,
        _entry_corpus,
        (
            *("shared.domain.log:LogEntry.decode", "shared.domain.log:StoredEntry.decode"),
            *("shared.domain.log:_change_from_json", "services.config.core.chain:Chain.add"),
        ),
        frozenset(
            {
                *("bad_shape", "bad_syntax", "not_text", "number_out_of_range", "too_deep"),
                *("skipped",),
            }
        ),
    ),
    Target(
        "log.chunk",
        _chunk,
        _chunk_corpus,
        (
            *("shared.domain.snapshot:Chunk.decode", "shared.domain.snapshot:_document"),
            "shared.domain.snapshot:_request",
        ),
        frozenset(
            {"bad_shape", "bad_syntax", "not_text", "number_out_of_range", "too_deep", "too_large"}
        ),
    ),
    Target(
        "log.snapshot",
        _snapshot,
        _snapshot_corpus,
        (
            *(
                "shared.domain.snapshot:Manifest.decode",
                "shared.domain.snapshot:SignedSnapshot.decode",
            ),
            *(
                "shared.domain.snapshot:position_from_json",
                "services.replication.core.snapshot:_request",
            ),
            *("services.replication.core.snapshot:Snapshot.decode",),
            *("services.replication.core.snapshot:_document",),
        ),
        frozenset({"bad_shape", "bad_syntax", "not_text", "number_out_of_range", "too_deep"}),
    ),
    Target(
        "log.bundle",
        _bundle,
        _bundle_corpus,
        ("shared.domain.bundle:unpack",),
        frozenset({"bad_syntax"}),
    ),
    Target(
        "log.backup",
        _backup,
        _backup_corpus,
        (
            *("shared.crypto.backup:Header.decode", "shared.crypto.backup:Header._read"),
            *(
                "shared.crypto.backup:BackupReader._read_end",
                "shared.crypto.backup:BackupOpener._unlock",
            ),
            *("shared.crypto.backup:BackupOpener.feed", "shared.crypto.backup:BackupOpener.end"),
            *(
                "services.gateway.backups.core.contents:Contents.add_frame",
                "services.gateway.backups.core.contents:Contents._add",
            ),
            *("services.gateway.backups.core.contents:Contents._add_passwords",),
            *("services.gateway.backups.core.contents:Contents._add_conflict",),
            *("services.gateway.backups.core.contents:Contents.require_whole",),
        ),
        frozenset(
            {
                "backup_damaged",
                "backup_foreign",
                "backup_too_new",
                "backup_truncated",
                "wrong_passphrase",
            }
        ),
        slow="a key is derived from a passphrase, which takes long on purpose",
    ),
    Target(
        "log.generations",
        _generations,
        _generations_corpus,
        ("shared.clusterlog.names:list_generations",),
        frozenset({"log_unavailable"}),
        slow="each input takes a turn of an event loop",
    ),
)
