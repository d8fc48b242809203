"""Makes nodes and clusters: the files that a node's state folder begins with."""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from shared.crypto.authority import make_authority
from shared.crypto.nodekeys import KEY_FILE, TRUST_FILE, NodeKey, TrustStore, write_secret
from shared.crypto.sealing import SECRET_FILE, SiteSecret
from shared.domain.errors import BadSettings
from shared.domain.ids import ClusterId, LogGeneration, NodeId

FIRST_GENERATION: Final = LogGeneration(1)
AUTHORITY_FILE: Final = "ca.pem"
AUTHORITY_KEY_FILE: Final = "ca.key"


def prepare_node(folder: Path) -> str:
    """Make the node's own key in *folder*, unless it has one; return its public key in base64."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / KEY_FILE
    if not path.exists():
        NodeKey.generate().save(path)
    return NodeKey.load(path).public_b64


def found_cluster(folder: Path) -> ClusterId:
    """Make a new cluster's id, site secret and certificate authority in the first master's folder.

    Raises:
        BadSettings: the folder belongs to a cluster already.
    """
    if (folder / SECRET_FILE).exists():
        raise BadSettings(f"{folder} belongs to a cluster already")
    cluster_id = ClusterId(secrets.token_hex(8))
    certificate, key = make_authority(cluster_id)
    SiteSecret.generate().save(folder / SECRET_FILE)
    write_secret(folder / AUTHORITY_KEY_FILE, key)
    (folder / AUTHORITY_FILE).write_bytes(certificate)
    return cluster_id


def pin(folder: Path, cluster_id: ClusterId, masters: Mapping[NodeId, str]) -> None:
    """Write down the node's cluster, and the public keys of its masters."""
    TrustStore(cluster_id, FIRST_GENERATION, dict(masters)).save(folder / TRUST_FILE)
