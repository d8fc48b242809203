"""`site.yaml`: a site as a person writes it, read with the place of whatever is wrong.

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

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from shared.documents import COLLECTIONS, DOCUMENTS, SITE_ID, Kind
from shared.domain.errors import BadSettings

SECTIONS: Final = {"site": Kind.SITE, **COLLECTIONS}
CLEAR: Final = frozenset({"password", "password_file"})
"""Fields of a user that are not the document's: the password itself, or where it is."""


def read_documents(path: Path) -> list[dict[str, Any]]:
    """The documents of *path*, as `apply` wants them.

    Raises:
        BadSettings: it cannot be read; the message names the line and column.
    """
    content = _parsed(path)
    return [document for section in content for document in _section(path, content, section)]


def _section(path: Path, content: Any, section: str) -> list[dict[str, Any]]:
    kind, value = SECTIONS.get(section), content[section]
    if kind is None:
        known = ", ".join(SECTIONS)
        raise _wrong(path, content, section, f"unknown section {section!r}; there are {known}")
    if not isinstance(value, CommentedMap):
        raise _wrong(path, content, section, f"{section} holds no names")
    named: Any = {SITE_ID: value} if kind is Kind.SITE else value
    documents: list[dict[str, Any]] = []
    for id_ in named:
        if not isinstance(named[id_], CommentedMap):
            raise _wrong(path, value, id_, f"{kind} {id_!r} holds no fields")
        body = _body(path, kind, named[id_])
        documents.append({"kind": kind.value, "id": str(id_), "body": body})
    return documents


def _parsed(path: Path) -> Any:
    reader: Any = YAML(typ="rt")
    try:
        content = reader.load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"{path} cannot be read: {error}") from error
    except YAMLError as error:
        raise BadSettings(f"{path}{_place(error)}: {_first(error)}") from error
    if not isinstance(content, CommentedMap):
        raise BadSettings(f"{path} holds no sections; it begins with 'site:', 'nodes:' or 'users:'")
    return cast("Any", content)


def _body(path: Path, kind: Kind, body: Any) -> dict[str, Any]:
    plain: dict[str, Any] = _plain(body)
    shape = {name: value for name, value in plain.items() if name not in CLEAR}
    try:
        DOCUMENTS[kind].model_validate(shape)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        loc = [str(part) for part in first["loc"]]
        reason = "unknown field" if first["type"] == "extra_forbidden" else first["msg"]
        told = f"{'.'.join(loc)}: {reason.removeprefix('Value error, ')}"
        raise _wrong(path, *_deepest(body, loc), told) from error
    if kind is Kind.USER and "password_file" in plain:
        plain["password"] = _secret(path, body, Path(plain.pop("password_file")))
    return plain


def _secret(path: Path, body: CommentedMap, file: Path) -> str:
    try:
        return (path.parent / file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, body, "password_file", f"{file} cannot be read: {error}") from error


def _deepest(body: Any, loc: list[str]) -> tuple[Any, str | None]:
    """The innermost mapping on the way to *loc*, and the key in it that is there."""
    for position, key in enumerate(loc):
        if key not in body:
            return body, None
        if position + 1 == len(loc) or not isinstance(body[key], CommentedMap):
            return body, key
        body = body[key]
    return body, None


def _wrong(path: Path, mapping: Any, key: Any, reason: str) -> BadSettings:
    """The refusal of *key* in *mapping*, or of the whole mapping, with its place."""
    line, column = mapping.lc.line, mapping.lc.col
    if key is not None and key in mapping:
        line, column = mapping.lc.key(key)
    return BadSettings(f"{path}:{line + 1}:{column + 1}: {reason}")


def _place(error: Any) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return "" if mark is None else f":{mark.line + 1}:{mark.column + 1}"


def _first(error: Any) -> str:
    text = str(getattr(error, "problem", None) or "no YAML")
    return text.strip().splitlines()[0]


def _plain(value: Any) -> Any:
    """*value* without the places that the reader remembered."""
    if isinstance(value, Mapping):
        mapping: Mapping[Any, Any] = value  # pyright: ignore[reportUnknownVariableType]
        return {str(name): _plain(each) for name, each in mapping.items()}
    if isinstance(value, list):
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        return [_plain(each) for each in items]
    return value
