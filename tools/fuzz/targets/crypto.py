"""What proves who wrote something: envelopes, testimonies, tokens, tickets, seals, keys."""

import base64
import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.crypto.envelope import (
    MESSAGE,
    REPLY,
    SENDERS_KEPT,
    Identity,
    Signer,
    Verifier,
    Window,
    canonical,
)
from shared.crypto.keyring import KeyRing, Keys, expand
from shared.crypto.node_signature import Statement, attest, verify_statement
from shared.crypto.nodekeys import NodeKey, TrustStore
from shared.crypto.proven import Purpose
from shared.crypto.sealing import SiteSecret
from shared.crypto.tickets import issue_probe_ticket, read_ticket, require_probe_ticket
from shared.crypto.tokens import read_token
from shared.domain.ids import ClusterId, LogGeneration, NodeId, UnixMillis
from tools.fuzz.held import file_of
from tools.fuzz.samples import after, encoded, joined, varied
from tools.fuzz.target import Target, parts, text_of

RING = KeyRing(Keys("aaaaaaaa", b"c" * 32, b"t" * 32))
NOW = UnixMillis(1_000_000)
SUBJECT = "meridian.node.alpha.heartbeat"
ALPHA = Identity(NodeId("alpha"), "relay", "1f2e")
KEY = NodeKey(Ed25519PrivateKey.from_private_bytes(b"k" * 32))
SECRET = SiteSecret(b"s" * 32)
TRUST = TrustStore(
    ClusterId("0123456789abcdef"), LogGeneration(1), {NodeId("alpha"): KEY.public_b64}
)
HEAD = f"1;aaaaaaaa;{ALPHA};{NOW};boot+1;"


def now() -> UnixMillis:
    return NOW


def verifier() -> Verifier:
    """One that has seen nothing yet."""
    return Verifier(RING, now, UnixMillis(NOW - 10_000))


def signer() -> Signer:
    return Signer(RING, ALPHA, "boot", now)


def signed_head(kind: str, subject: bytes, head: bytes, content: bytes, payload: bytes) -> str:
    """*head*, whatever it is, with the MAC that a member of the cluster would put to it."""
    about = () if kind == REPLY else (subject,)
    fields = (kind.encode(), *about, head, content, payload)
    return f"{text_of(head)};{hmac.digest(b'c' * 32, canonical(*fields), 'sha256').hex()}"


class Crowd(OrderedDict[str, Window]):
    """As many windows as a process keeps, most of them only counted."""

    def __len__(self) -> int:
        return SENDERS_KEPT


def _envelope(data: bytes) -> object:
    """How it is used, header or what stands before its MAC, content type, payload."""
    how, head, content, payload = parts(data, 4)
    header, subject = text_of(head), SUBJECT.encode()
    if b"signed" in how:
        kind = REPLY if b"reply" in how else MESSAGE
        header = signed_head(
            kind, subject, head, text_of(content).encode("utf-8", "surrogatepass"), payload
        )
    checked = verifier()
    request = "boot+9" if b"reply" in how else None
    if b"after" in how:  # others came before it, and one of them is too old by now
        checked.windows.update(old=Window(expires=NOW - 1), other=Window(expires=NOW + 1))
        checked.check(SUBJECT, signer().sign(MESSAGE, SUBJECT, "", b"")[0], "", b"", live=True)
        checked.windows[f"{ALPHA}+boot"].highest = 9
    if b"crowd" in how:
        checked.windows = Crowd(other=Window(expires=NOW + 1))
    for _ in range(2 if b"twice" in how else 1):
        checked.check(
            SUBJECT, header, text_of(content), payload, live=b"live" in how, in_reply_to=request
        )
    return checked


def _envelope_corpus() -> Iterable[bytes]:
    heads = (
        *(
            HEAD,
            "",
            "1;;;;;",
            "2;aaaaaaaa;a.b.c;1;b+1;",
            "1;bbbbbbbb;a.b.c;1;b+1;",
            HEAD + "x" * 2_000,
        ),
        *(
            HEAD.replace("boot+1", "boot+0"),
            HEAD.replace("boot+1", "boot"),
            HEAD.replace("relay", "é"),
        ),
        *(
            HEAD.replace("boot+1", "boot+" + "9" * 4_000),
            HEAD.replace("boot+1", "+1"),
            HEAD + "boot+9",
        ),
        *(HEAD.replace(str(NOW), each) for each in ("0", "-1", "x", "9" * 30, str(NOW - 11_000))),
        *(HEAD.replace(str(NOW), str(NOW + 31_000)), HEAD.replace("alpha", "a.b"), HEAD + "\udcff"),
    )
    for head in heads:
        raw = head.encode("utf-8", "surrogateescape")
        for how in (
            b"signed",
            b"signed live",
            b"signed live twice",
            b"signed reply",
            b"signed live after",
            b"live",
        ):
            yield joined(how, raw, b"application/json", b"{}")
    yield joined(b"signed live crowd", HEAD.encode(), b"", b"")
    yield joined(b"live", HEAD.encode() + b";" + "é".encode() * 32, b"", b"")
    yield joined(b"live", HEAD.encode() + b";" + b"0" * 64, b"\xff", b"\xff")


def _identity(data: bytes) -> object:
    return Identity.parse(text_of(data))


def _node_signature(data: bytes) -> object:
    """A node's word; with `signed` before it, what stands before the proof is signed as it is."""
    how, head, subject, payload = parts(data, 4)
    header, topic = text_of(head), text_of(subject)
    if how == b"signed":
        covered = b"\n".join((head, subject, payload))
        header = f"{header};{base64.b64encode(KEY.sign(covered)).decode()}"
    return verify_statement(TRUST.masters, header, topic, payload)


def _node_signature_corpus() -> Iterable[bytes]:
    good = attest(KEY, Statement(NodeId("alpha"), NOW, "id"), SUBJECT, b"{}").encode()
    head = good.rpartition(b";")[0]
    statements = (
        *(good, head, b"", b"1;;;;", b"2;alpha;1;id;x", b"1;bravo;1;id;x", b"1;alpha;x;id;x"),
        *(b"1;alpha;1;id;no", b"1;alpha;1;id;" + b"A" * 88, b"1;alpha;" + b"9" * 4_000 + b";id;x"),
        *(
            b"1;alpha;1;id;\xff",
            b"1;alpha;1;" + b"x" * 2_000 + b";x",
            b"1;a b;1;id;x",
            b"1;alpha;1;;x",
        ),
        b"1;alpha;" + b"9" * 18 + b";id;x",
    )
    for each in statements:
        yield joined(b"", each, SUBJECT.encode(), b"{}")
        yield joined(b"signed", each.rpartition(b";")[0], SUBJECT.encode(), b"{}")


def _url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _token(data: bytes) -> object:
    """A token; with `signed` before it, a body as JSON that is given its MAC."""
    how, body = parts(data, 2)
    text = text_of(body)
    if how == b"signed":
        claims = _url(body)
        mac = hmac.digest(SECRET.token_key, claims, "sha256")
        text = (claims + b"." + _url(mac)).decode()
    return read_token(SECRET, text, NOW)


def _token_corpus() -> Iterable[bytes]:
    yield from after(b"signed", varied({"user": "rita", "expires": NOW + 1}))
    yield joined(b"signed", encoded({"expires": NOW}))
    for text in (b"", b".", b"a.b", b"a.\xff", b"x" * 3_000, b"a.!", b"." * 9):
        yield joined(b"", text)


def _ticket(data: bytes) -> object:
    """A ticket for a path or for probing; with `signed` before it, a body that is given its MAC."""
    how, body = parts(data, 2)
    text, probes = text_of(body), b"probe" in how
    if b"signed" in how:
        unsigned = _url(body) + b".aaaaaaaa"
        key = RING.current.ticket
        key = hmac.digest(key, Purpose.PROBE.value.encode(), "sha256") if probes else key
        text = (unsigned + b"." + _url(hmac.digest(key, unsigned, "sha256"))).decode()
    if probes:
        require_probe_ticket(RING, text, now_ms=NOW)
        return None
    return read_ticket(RING, text, node=NodeId("berlin"), now_ms=NOW)


def _ticket_corpus() -> Iterable[bytes]:
    ticket = {
        "session": "4821739",
        "side": "customer",
        "node": "berlin",
        "generation": 1,
        "expires": NOW + 1,
        "limits": [0, 60],
    }
    yield from after(b"signed", varied(ticket))
    yield from after(
        b"signed", (encoded({**ticket, "expires": NOW}), encoded({**ticket, "node": "x"}))
    )
    yield from after(b"signed probe", varied({"expires": NOW + 1}))
    yield joined(b"probe", issue_probe_ticket(RING.current, NOW).encode())
    for text in (b"", b"a.aaaaaaaa.b", b"a.aaaaaaaa.!", b"a.\xff.b", b"x" * 3_000, b"a.zzzzzzzz.b"):
        yield joined(b"", text)


def _seal(data: bytes) -> object:
    """What is sealed; with `sealed` before it, a plaintext that is sealed as it is."""
    how, rest = parts(data, 2)
    text = text_of(rest)
    if how == b"sealed":
        nonce = b"n" * 12
        cipher = AESGCM(expand(b"s" * 32, b"seal/v1"))
        text = base64.b64encode(nonce + cipher.encrypt(nonce, rest, b"purpose")).decode()
    return SECRET.open(text, "purpose")


def _seal_corpus() -> Iterable[bytes]:
    for text in (b"", b"A", b"AAEC", b"A" * 80, b"\xff", SECRET.seal("x", "other").encode()):
        yield joined(b"", text)
        yield joined(b"sealed", text)


def _key_files(data: bytes) -> object:
    """Files of a node's own folder; the first part says which."""
    which, body = parts(data, 2)
    readers: dict[bytes, Callable[[], object]] = {
        b"node": lambda: NodeKey.load(file_of(body)),
        b"secret": lambda: SiteSecret.load(file_of(body)),
        b"hex": lambda: TRUST.verify_hex(NodeId("alpha"), text_of(body), b"data"),
    }
    return readers.get(which, lambda: TrustStore.load(file_of(body)))()


def _key_corpus() -> Iterable[bytes]:
    key, short = base64.b64encode(Random(1).randbytes(32)), base64.b64encode(b"short")
    trust = {"cluster_id": "0123456789abcdef", "log_generation": 1, "masters": {"alpha": "AAEC"}}
    yield from after(b"trust", varied(trust))
    for which in (b"node", b"secret", b"hex"):
        yield from after(
            which, (b"", key + b"\n", short, b"no key", b"\xff", "é".encode(), b"00ff")
        )


TARGETS = (
    Target(
        "crypto.envelope",
        _envelope,
        _envelope_corpus,
        ("shared.crypto.envelope:Verifier.check", "shared.crypto.envelope:_parse_signed"),
        frozenset(
            {
                *("unsigned", "malformed", "unknown_key", "bad_mac", "other_request", "too_old"),
                *("before_start", "replayed", "too_many_senders"),
            }
        ),
    ),
    Target(
        "crypto.identity",
        _identity,
        lambda: (
            b"alpha.relay.1f2e",
            b"",
            b"alpha",
            b"a.b.c",
            b"\xff.b.c",
            b"A.b.c",
            b"a.b." + b"x" * 99,
        ),
        ("shared.crypto.envelope:Identity.parse",),
        frozenset({"bad_syntax"}),
    ),
    Target(
        "crypto.node_signature",
        _node_signature,
        _node_signature_corpus,
        (
            *(
                "shared.crypto.node_signature:verify_statement",
                "shared.crypto.node_signature:parse_statement",
            ),
            "shared.crypto.nodekeys:verify",
        ),
        frozenset({"unsigned", "malformed", "unknown_node", "bad_proof"}),
    ),
    Target(
        "crypto.token",
        _token,
        _token_corpus,
        ("shared.crypto.tokens:read_token", "shared.crypto.tokens:_claims"),
        frozenset({"unauthenticated"}),
    ),
    Target(
        "crypto.ticket",
        _ticket,
        _ticket_corpus,
        (
            *("shared.crypto.tickets:read_ticket", "shared.crypto.tickets:require_probe_ticket"),
            *("shared.crypto.tickets:_ticket", "shared.crypto.proven:read_proven"),
        ),
        frozenset({"invalid_ticket", "ticket_expired", "wrong_node"}),
    ),
    Target(
        "crypto.seal",
        _seal,
        _seal_corpus,
        ("shared.crypto.sealing:SiteSecret.open",),
        frozenset({"bad_signature"}),
    ),
    Target(
        "crypto.files",
        _key_files,
        _key_corpus,
        (
            *("shared.crypto.nodekeys:NodeKey.load", "shared.crypto.nodekeys:TrustStore.load"),
            *(
                "shared.crypto.nodekeys:TrustStore.verify_hex",
                "shared.crypto.sealing:SiteSecret.load",
            ),
        ),
        frozenset({"bad_settings"}),
    ),
)
