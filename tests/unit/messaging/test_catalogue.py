import pytest

from shared.crypto.envelope import Identity
from shared.domain.errors import BadSignature
from shared.domain.ids import NodeId
from shared.events import CATALOGUE
from shared.events.config import ProposeChanges
from shared.events.message import Event
from shared.events.node import NodeHeartbeat
from shared.messaging.catalogue import find_message, require_answerer, require_speaker

HEARTBEAT = "meridian.node.berlin.heartbeat"


def identity(service: str, node: str = "berlin") -> Identity:
    return Identity(NodeId(node), service, "1f2e")


def reason_of(call: object, *arguments: object) -> object:
    assert callable(call)
    with pytest.raises(BadSignature) as caught:
        call(*arguments)
    return caught.value.attributes["reason"]


@pytest.mark.parametrize("message", CATALOGUE)
def test_every_declared_subject_is_found(message: type[Event]) -> None:
    address = message.subject.address(**dict.fromkeys(message.subject.fields, "x"))

    assert find_message(address) is message


@pytest.mark.parametrize(
    "subject",
    ["", "meridian", "meridian.node.berlin", f"{HEARTBEAT}.more", "other.node.x.heartbeat"],
)
def test_what_is_not_declared_is_not_found(subject: str) -> None:
    assert find_message(subject) is None


@pytest.mark.parametrize("service", ["relay", "failover_monitor"])
def test_those_who_speak_for_a_node_may_send_its_heartbeat(service: str) -> None:
    require_speaker(NodeHeartbeat, HEARTBEAT, identity(service))


def test_another_service_may_not_speak() -> None:
    refused = reason_of(require_speaker, NodeHeartbeat, HEARTBEAT, identity("gateway"))

    assert refused == "not_a_speaker"


def test_nobody_speaks_for_another_node() -> None:
    stranger = identity("relay", "denver")

    assert reason_of(require_speaker, NodeHeartbeat, HEARTBEAT, stranger) == "another_node"


def test_only_config_answers_a_proposal() -> None:
    require_answerer(ProposeChanges, identity("config"))

    assert reason_of(require_answerer, ProposeChanges, identity("relay")) == "not_an_answerer"
