"""The guards of copies that travel: snapshots in chunks, proofs, backups, the directory."""

from typing import Final

from tools.mutants.mutant import Mutant

CHUNKS: Final = "shared.domain.snapshot"
CHUNK_CACHE: Final = "services.replication.snapshots.chunk_cache"
EXCHANGE: Final = "services.replication.snapshots.exchange"
PROOFS: Final = "services.gateway.cluster.core.proofs"
CONFIRM: Final = "services.config.write.acknowledgements"
FILE: Final = "shared.crypto.backup"
CONTENTS: Final = "services.gateway.backups.core.contents"
ANOTHER_SITE: Final = "services.gateway.backups.core.another_site"
BACKUPS: Final = "services.gateway.backups.backups"
SNAPSHOTS: Final = "services.gateway.backups.snapshots"
DIRECTORY: Final = "shared.runtime.directory"

SNAPSHOT_TESTS: Final = ("tests/unit/domain/test_snapshot.py", "tests/unit/replication")
EXCHANGE_TESTS: Final = ("tests/integration/replication/test_exchange.py",)
PROOF_TESTS: Final = ("tests/unit/gateway/cluster/test_proofs.py",)
WRITER_TESTS: Final = ("tests/unit/config/test_writer.py",)
FILE_TESTS: Final = ("tests/unit/crypto/test_backup.py",)
BACKUP_TESTS: Final = ("tests/unit/gateway/backups/test_backups.py",)
ANOTHER_SITE_TESTS: Final = ("tests/unit/gateway/backups/test_another_site.py",)
DIRECTORY_TESTS: Final = ("tests/unit/runtime/test_directory.py",)

COPIES: Final = (
    Mutant(
        "a chunk may unpack to anything",
        CHUNKS,
        "if not unpacker.eof or unpacker.unused_data:",
        "if False:",
        SNAPSHOT_TESTS,
    ),
    Mutant(
        "another form is read as a manifest",
        CHUNKS,
        'if fields.text("type") != MANIFEST_TYPE:',
        "if False:",
        SNAPSHOT_TESTS,
    ),
    Mutant("what is here is fetched again", CHUNKS, " if ref.hash not in held", "", SNAPSHOT_TESTS),
    Mutant(
        "a file is believed by its name",
        CHUNK_CACHE,
        "path.name in wanted and ChunkRef.of(path.read_bytes()).hash == path.name",
        "path.name in wanted",
        SNAPSHOT_TESTS,
    ),
    Mutant(
        "a chunk that the disk spoiled is loaded",
        CHUNK_CACHE,
        "if ChunkRef.of(data) != ref:",
        "if False:",
        SNAPSHOT_TESTS,
    ),
    Mutant(
        "a chunk that was not signed is kept",
        EXCHANGE,
        "if ChunkRef.of(data) == wanted:",
        "if True:",
        EXCHANGE_TESTS,
    ),
    Mutant(
        "a manifest that nobody known signed is believed",
        EXCHANGE,
        "if not self.trust.verify(signed.signer, signed.signature, signed.body):",
        "if False:",
        EXCHANGE_TESTS,
    ),
    Mutant(
        "a snapshot of another history is taken",
        EXCHANGE,
        "if not await self._is_on_the_log(found.position):",
        "if False:",
        EXCHANGE_TESTS,
    ),
    Mutant(
        "a position is believed without its proof",
        PROOFS,
        "return key is not None and verify(key, signature, progress.progress_bytes())",
        "return True",
        PROOF_TESTS,
    ),
    Mutant(
        "two histories at one revision are well",
        PROOFS,
        "is_other = proved.revision == furthest.revision and proved.hash != furthest.hash",
        "is_other = False",
        PROOF_TESTS,
    ),
    Mutant(
        "a backup's position is believed without its signature",
        CONFIRM,
        " or not self._is_signed(event):",
        ":",
        (*WRITER_TESTS, "tests/unit/config"),
    ),
    Mutant(
        "a backup on another history confirms",
        CONFIRM,
        " and self.replica.has_entry(event.revision, event.hash)",
        "",
        WRITER_TESTS,
    ),
    Mutant(
        "a backup that was cut off is whole",
        FILE,
        "        if not self.is_whole:\n            raise",
        "        if False:\n            raise",
        FILE_TESTS,
    ),
    Mutant(
        "a changed file's checksum holds",
        FILE,
        "if not equal_in_constant_time(expected, self._sum.digest()):",
        "if False:",
        FILE_TESTS,
    ),
    Mutant(
        "any frame may be the last",
        FILE,
        'return header + (b"last" if is_last else b"more")',
        "return header",
        FILE_TESTS,
    ),
    Mutant(
        "frames are not bound to the header",
        FILE,
        'return header + (b"last" if is_last else b"more")',
        'return b"last" if is_last else b"more"',
        FILE_TESTS,
    ),
    Mutant(
        "another key is called damage",
        FILE,
        "if not equal_in_constant_time(_check(file_key), header.check):",
        "if False:",
        FILE_TESTS,
    ),
    Mutant("a later format is read", FILE, "if version <= VERSION:", "if True:", FILE_TESTS),
    Mutant(
        "a part may be of any size",
        FILE,
        "if size > (LARGEST_HEADER if self.header is None else LARGEST_FRAME):",
        "if False:",
        FILE_TESTS,
    ),
    Mutant(
        "a backup's chunk is another than its manifest names",
        CONTENTS,
        "if self._chunks >= len(refs) or ChunkRef.of(data) != refs[self._chunks]:",
        "if False:",
        BACKUP_TESTS,
    ),
    Mutant(
        "a backup lacks chunks",
        CONTENTS,
        " or self._chunks < len(self.manifest.chunks)",
        "",
        BACKUP_TESTS,
    ),
    Mutant(
        "a backup goes on after its end",
        CONTENTS,
        "if self.is_ended or (self.manifest is None)",
        "if (self.manifest is None)",
        BACKUP_TESTS,
    ),
    Mutant(
        "another cluster's backup is brought here",
        BACKUPS,
        "if header.cluster_id != self.cluster_id and",
        "if False and",
        BACKUP_TESTS,
    ),
    Mutant(
        "a backup is made of the directory",
        SNAPSHOTS,
        "if manifest.scope is not Scope.FULL:",
        "if False:",
        BACKUP_TESTS,
    ),
    Mutant(
        "a backup is made of what nobody known signed",
        SNAPSHOTS,
        "if not self.verify(signed.signer, signed.signature, signed.body):",
        "if False:",
        BACKUP_TESTS,
    ),
    Mutant(
        "a backup takes the chunks of two snapshots",
        SNAPSHOTS,
        "if ChunkRef.of(data) != ref:",
        "if False:",
        BACKUP_TESTS,
    ),
    Mutant(
        "a restored node gets its old key",
        CONTENTS,
        'if name != "public_key"',
        "if True",
        BACKUP_TESTS,
    ),
    Mutant(
        "another site's webhooks deliver from here",
        ANOTHER_SITE,
        'return {**body, "enabled": False, "since": None}',
        "return dict(body)",
        ANOTHER_SITE_TESTS,
    ),
    Mutant(
        "another site's relays are taken for this site's",
        ANOTHER_SITE,
        "return found.keep(ref, body, OF_A_MACHINE, here)",
        "return dict(body)",
        ANOTHER_SITE_TESTS,
    ),
    Mutant(
        "what is gone stays in the directory",
        DIRECTORY,
        "for kind, id_ in answer.gone:",
        "for kind, id_ in ():",
        DIRECTORY_TESTS,
    ),
    Mutant(
        "news is taken for everything",
        DIRECTORY,
        "is_whole = answer.since is None",
        "is_whole = True",
        DIRECTORY_TESTS,
    ),
    Mutant(
        "a later generation is older than what is known",
        DIRECTORY,
        "answer.position.place <= known.place",
        "answer.position.revision <= known.revision",
        DIRECTORY_TESTS,
    ),
    Mutant(
        "a revision that no master has is waited for again",
        DIRECTORY,
        "self.newest = Revision(0)\n                await",
        "await",
        DIRECTORY_TESTS,
    ),
    Mutant(
        "the second page is asked for as news",
        "shared.messaging.reading",
        ', "since": None}',
        "}",
        ("tests/unit/messaging/test_reading.py",),
    ),
)
