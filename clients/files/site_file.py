"""Reads `site.yaml`, a site as a person writes it; errors name the line and column.

```yaml
site: {name: support.example.com}
nodes:
  berlin: {role: traffic, region: eu, public_address: {host: berlin.example.com, port: 7443}}
users:
  rita: {role: representative, password_file: rita.password}
teams:
  desk: {members: [rita]}
public_sites:
  help: {hostnames: [help.example.com], teams: [desk]}
```
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, Final, cast

from pydantic import ValidationError

from clients.files.yaml_tree import Mapping, Node, parse, printable
from clients.files.yaml_values import YamlReader, text_or_none
from shared.decoding.errors import Undecodable
from shared.documents import COLLECTIONS, DOCUMENTS, SITE_ID, Kind
from shared.documents.body import WRITING
from shared.domain.errors import BadSettings
from shared.domain.files import reason_of

SECTIONS: Final = {"site": Kind.SITE, **COLLECTIONS}
PASSWORD_FIELDS: Final = frozenset({"password", "password_file"})
"""Fields of a user that are not the document's: the password itself, or where it is."""

LARGEST_BYTES: Final = 64 * 1024 * 1024


def read_documents(path: Path) -> list[dict[str, Any]]:
    """The documents of *path*, as the request of `apply` has them.

    Raises:
        BadSettings: it cannot be read; the message names the line and column.
    """
    content = _parse(path)
    return [
        document for section in content.members for document in _section(path, content, section)
    ]


def _section(path: Path, content: Mapping, section: str) -> list[dict[str, Any]]:
    kind, value = SECTIONS.get(section), content.members[section]
    if kind is None:
        known = ", ".join(SECTIONS)
        raise _wrong(path, content, section, f"unknown section {section!r}; there are {known}")
    if not isinstance(value, Mapping):
        raise _wrong(path, content, section, f"{section} holds no names")
    named = {SITE_ID: value} if kind is Kind.SITE else value.members
    documents: list[dict[str, Any]] = []
    for id_, node in named.items():
        if not isinstance(node, Mapping):
            raise _wrong(path, value, id_, f"{kind} {id_!r} holds no fields")
        documents.append({"kind": kind.value, "id": id_, "body": _body(path, kind, node)})
    return documents


def _parse(path: Path) -> Mapping:
    try:
        content = parse(_text(path))
    except Undecodable as error:
        raise BadSettings(f"{path}:{error.place}: {error.message}") from error
    if not isinstance(content, Mapping):
        raise BadSettings(f"{path} holds no sections; it begins with 'site:', 'nodes:' or 'users:'")
    return content


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise BadSettings(f"{path} cannot be read: {reason_of(error)}") from error
    if len(data) > LARGEST_BYTES:
        raise BadSettings(f"{path} cannot be read: it is larger than {LARGEST_BYTES >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadSettings(
            f"{path} cannot be read: line {line} is no UTF-8; save it as UTF-8"
        ) from error


@lru_cache
def _reader(kind: Kind) -> YamlReader:
    return YamlReader(DOCUMENTS[kind].model_json_schema())


def _body(path: Path, kind: Kind, body: Mapping) -> dict[str, Any]:
    members = body.members
    passwords = {name: each for name, each in members.items() if _is_password_field(kind, name)}
    own = Mapping(body.line, body.column)
    own.members = {name: each for name, each in members.items() if name not in passwords}
    try:
        values = _reader(kind).members(own)
        secrets = {name: text_or_none(each, (name,)) for name, each in passwords.items()}
    except Undecodable as error:
        loc = cast("tuple[str, ...]", error.attributes["path"])
        sentence = f"{printable(error.place)}: {error.message}"
        raise _wrong(path, *_innermost(body, loc), sentence) from error
    _require_shape(path, kind, body, values)
    file = secrets.pop("password_file", None)
    if file is not None:
        secrets["password"] = _secret(path, body, Path(file))
    return {**values, **secrets}


def _is_password_field(kind: Kind, name: str) -> bool:
    return kind is Kind.USER and name in PASSWORD_FIELDS


def _require_shape(path: Path, kind: Kind, body: Mapping, values: dict[str, Any]) -> None:
    try:
        DOCUMENTS[kind].model_validate(values, context=WRITING)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        loc = tuple(str(part) for part in first["loc"])
        reason = "unknown field" if first["type"] == "extra_forbidden" else first["msg"]
        sentence = f"{printable('.'.join(loc))}: {reason.removeprefix('Value error, ')}"
        raise _wrong(path, *_innermost(body, loc), sentence) from error


def _secret(path: Path, body: Mapping, file: Path) -> str:
    try:
        return (path.parent / file).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        sentence = f"{file} cannot be read: {reason_of(error)}"
        raise _wrong(path, body, "password_file", sentence) from error


def _innermost(body: Mapping, loc: tuple[str, ...]) -> tuple[Mapping, str | None]:
    """The innermost mapping on the way to *loc*, and the key in it, if that exists."""
    for position, key in enumerate(loc):
        if key not in body.members:
            return body, None
        node = body.members[key]
        if position + 1 == len(loc) or not isinstance(node, Mapping):
            return body, key
        body = node
    return body, None


def _wrong(path: Path, mapping: Mapping, key: str | None, reason: str) -> BadSettings:
    """The error for *key* in *mapping*, or for the whole mapping, with its line and column."""
    place: Node = mapping if key is None else mapping.keys.get(key, mapping)
    return BadSettings(f"{path}:{place.line}:{place.column}: {reason}")
