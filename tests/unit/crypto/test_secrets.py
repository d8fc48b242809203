import stat
from pathlib import Path

import pytest

from shared.crypto.join import found_cluster, pin, prepare_node
from shared.crypto.nodekeys import KEY_FILE, TRUST_FILE, NodeKey, TrustStore, verify, write_secret
from shared.crypto.sealing import SECRET_FILE, SiteSecret
from shared.crypto.tokens import issue_token, read_token
from shared.domain.errors import BadSettings, BadSignature, Unauthenticated
from shared.domain.ids import ClusterId, LogGeneration, NodeId, UnixMillis

ALPHA = NodeId("alpha")
LATER = UnixMillis(2_000)


def test_a_node_key_is_kept_by_its_owner_only(tmp_path: Path) -> None:
    key = NodeKey.generate()
    key.save(tmp_path / "node.key")

    assert NodeKey.load(tmp_path / "node.key").public_b64 == key.public_b64
    assert stat.S_IMODE((tmp_path / "node.key").stat().st_mode) == 0o600


def test_a_signature_holds_for_its_data_and_key_only() -> None:
    key, other = NodeKey.generate(), NodeKey.generate()
    signature = key.sign(b"data")

    assert verify(key.public_b64, signature, b"data")
    assert not verify(key.public_b64, signature, b"date")
    assert not verify(other.public_b64, signature, b"data")
    assert not verify("no key", signature, b"data")
    assert not verify(key.public_b64, b"", b"data")


@pytest.mark.parametrize("content", ["", "no base64 !", "AAAA"])
def test_a_damaged_node_key_is_reported_with_its_place(tmp_path: Path, content: str) -> None:
    path = tmp_path / "node.key"
    path.write_text(content)

    with pytest.raises(BadSettings, match=r"node\.key"):
        NodeKey.load(path)


def test_only_known_masters_are_trusted() -> None:
    key = NodeKey.generate()
    trust = TrustStore(ClusterId("c"), LogGeneration(1), {ALPHA: key.public_b64})

    assert trust.verify(ALPHA, key.sign(b"x"), b"x")
    assert not trust.verify(NodeId("bravo"), key.sign(b"x"), b"x")
    trust.learn(NodeId("bravo"), key.public_b64)
    assert trust.verify(NodeId("bravo"), key.sign(b"x"), b"x")


def test_what_is_pinned_is_read_again(tmp_path: Path) -> None:
    pin(tmp_path, ClusterId("c"), {ALPHA: "key"})

    assert TrustStore.load(tmp_path / TRUST_FILE) == TrustStore(
        ClusterId("c"), LogGeneration(1), {ALPHA: "key"}
    )


@pytest.mark.parametrize("content", [None, "{}", "[]", "no json"])
def test_a_node_without_a_cluster_is_reported(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / TRUST_FILE).write_text(content)

    with pytest.raises(BadSettings, match="names no cluster"):
        TrustStore.load(tmp_path / TRUST_FILE)


def test_a_secret_is_sealed_for_one_purpose() -> None:
    secret = SiteSecret.generate()
    sealed = secret.seal("hash", "password")

    assert secret.open(sealed, "password") == "hash"
    assert sealed != secret.seal("hash", "password")
    with pytest.raises(BadSignature):
        secret.open(sealed, "webhook")
    with pytest.raises(BadSignature):
        SiteSecret.generate().open(sealed, "password")


def test_the_site_secret_survives_its_file(tmp_path: Path) -> None:
    secret = SiteSecret.generate()
    secret.save(tmp_path / SECRET_FILE)

    again = SiteSecret.load(tmp_path / SECRET_FILE)

    assert again.open(secret.seal("x", "y"), "y") == "x"
    assert again.token_key == secret.token_key
    public = [each.site_signing_key.public_key().public_bytes_raw() for each in (again, secret)]
    assert public[0] == public[1]


@pytest.mark.parametrize("content", ["", "AAAA", "no base64 !"])
def test_a_damaged_site_secret_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / SECRET_FILE).write_text(content)

    with pytest.raises(BadSettings, match="site secret"):
        SiteSecret.load(tmp_path / SECRET_FILE)


def test_a_token_gives_its_claims_back_until_it_ends() -> None:
    secret = SiteSecret.generate()
    token = issue_token(secret, {"user": "rita"}, LATER)

    assert read_token(secret, token, UnixMillis(1_999)).text("user") == "rita"
    with pytest.raises(Unauthenticated, match="has ended"):
        read_token(secret, token, LATER)


@pytest.mark.parametrize("token", ["", ".", "a.b", "ä.ö", "x" * 5_000])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(Unauthenticated, match="not from this site"):
        read_token(SiteSecret.generate(), token, UnixMillis(0))


def test_a_token_of_another_site_is_refused() -> None:
    token = issue_token(SiteSecret.generate(), {"user": "rita"}, LATER)

    with pytest.raises(Unauthenticated):
        read_token(SiteSecret.generate(), token, UnixMillis(0))


def test_a_node_keeps_the_key_that_it_has(tmp_path: Path) -> None:
    assert prepare_node(tmp_path / "alpha") == prepare_node(tmp_path / "alpha")
    assert (tmp_path / "alpha" / KEY_FILE).exists()


def test_a_cluster_is_founded_once(tmp_path: Path) -> None:
    found_cluster(tmp_path)

    with pytest.raises(BadSettings, match="belongs to a cluster already"):
        found_cluster(tmp_path)


def test_a_secret_file_is_whole_or_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_secret(path, b"old")
    write_secret(path, b"new")

    assert path.read_bytes() == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]
