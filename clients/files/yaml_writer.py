"""Writes documents as a site file, the YAML that `site_file` reads."""

import io
import re
from collections.abc import Iterable
from typing import Any, Final, cast

from ruamel.yaml import YAML
from ruamel.yaml.representer import SafeRepresenter

from clients.files.site_file import SECTIONS
from shared.api.documents import DocumentView
from shared.documents import Kind
from shared.domain.conflict import ConflictChange

PLAIN: Final = re.compile(r"[A-Za-z0-9_/@]([A-Za-z0-9_ ./@-]*[A-Za-z0-9_/@])?", re.ASCII)


def write_yaml(documents: Iterable[DocumentView | ConflictChange]) -> str:
    """Return *documents* as a site file, which `apply` takes."""
    sections = {kind.value: name for name, kind in SECTIONS.items()}
    content: dict[str, Any] = {}
    for document in documents:
        if document.kind == Kind.SITE:
            content["site"] = document.body
        else:
            content.setdefault(sections[document.kind], {})[document.id] = document.body
    text, writer = io.StringIO(), cast("Any", YAML(typ="safe", pure=True))
    writer.Representer = _QuotingRepresenter
    writer.width = 1_000
    writer.dump(content, text)
    return text.getvalue()


class _QuotingRepresenter(SafeRepresenter):
    """Quotes every text but the plainest: the library's reader refuses some that it would not."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        base = cast("Any", super())
        base.__init__(*args, **kwargs)
        known = cast("Any", SafeRepresenter).yaml_representers
        self.yaml_representers = {**known, str: type(self).represent_str}

    def represent_str(self, data: str) -> Any:
        style = None if PLAIN.fullmatch(data) else '"'
        return cast("Any", self).represent_scalar("tag:yaml.org,2002:str", data, style=style)
