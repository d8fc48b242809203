from pathlib import Path

import pytest

from clients.files.site_file import read_documents
from shared.domain.errors import BadSettings

EXAMPLE = Path(__file__).parents[4] / "site.yaml"


def written(folder: Path, text: str) -> Path:
    path = folder / "site.yaml"
    path.write_text(text)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BadSettings) as caught:
        read_documents(path)
    return caught.value.message.removeprefix(str(path))


def test_the_example_in_the_repository_can_be_applied() -> None:
    documents = read_documents(EXAMPLE)

    names = [(document["kind"], document["id"]) for document in documents]
    assert names == [
        ("site", "site"),
        ("node", "frankfurt"),
        ("node", "oregon"),
        ("user", "rita"),
        ("user", "anna"),
        ("team", "desk"),
        ("public_site", "help"),
    ]
    assert documents[1]["body"]["prefixes"] == ["10.16.0.0/12", "2001:db8:16::/48"]


def test_a_password_is_read_from_its_file_beside_the_document(tmp_path: Path) -> None:
    (tmp_path / "rita.password").write_text("twelve letters\n")
    path = written(
        tmp_path, "users:\n  rita: {role: representative, password_file: rita.password}\n"
    )

    (document,) = read_documents(path)

    assert document["body"] == {"role": "representative", "password": "twelve letters"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("site: {name: a\nnodes: {}\n", ":2:6: "),
        ("nodes:\n  berlin:\n    role: traffic\n    colour: red\n", ":4:5: colour: unknown field"),
        (
            "nodes:\n  berlin:\n    role: traffic\n    public_address: {host: a, port: 70000}\n",
            ":4:31: public_address.port: Input should be less than or equal to 65535",
        ),
        (
            "nodes:\n  berlin:\n    role: traffic\n    prefixes: [10.0.0.1/8]\n",
            ":4:5: prefixes.0: '10.0.0.1/8' is no network: 10.0.0.1/8 has host bits set",
        ),
        (
            "nodes:\n  berlin: {role: traffic}\n  berlin: {role: traffic}\n",
            ':3:3: found duplicate key "berlin"',
        ),
        ("machines: {}\n", ":1:1: unknown section 'machines'; there are site, nodes, users,"),
        ("nodes: [berlin]\n", ":1:1: nodes holds no names"),
        ("nodes:\n  berlin:\n", ":2:3: node 'berlin' holds no fields"),
        ("nodes:\n  berlin: {region: eu}\n", ":2:11: role: Field required"),
        ("users:\n  rita: {role: king}\n", ":2:10: role: Input should be"),
        (
            "users:\n  rita: {role: auditor, password_file: nowhere}\n",
            ":2:25: nowhere cannot be read",
        ),
        ("- a list\n", " holds no sections"),
        ("", " holds no sections"),
        (
            "nodes:\n  berlin: {role: traffic, timezone: Mars/Olympus}\n",
            ":2:27: timezone: 'Mars/Olympus' is neither an offset like +05:30 nor a zone",
        ),
    ],
)
def test_an_error_is_one_line_with_its_place(tmp_path: Path, text: str, sentence: str) -> None:
    message = refusal(written(tmp_path, text))

    assert message.startswith(sentence)
    assert "\n" not in message


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nothing.yaml").startswith(" cannot be read")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    assert refusal(path).startswith(" cannot be read")
