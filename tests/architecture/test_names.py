"""Where things lie and what they are called."""

import importlib
import re
from pathlib import Path

import pytest

from shared.decoding.errors import Undecodable
from shared.domain import errors
from stack.layout import SERVICES as RUN
from tests.architecture.sources import PRODUCT, ROOT, TOOLING, sources

NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}
SERVICES = tuple(sorted(path.parent.name for path in (ROOT / "services").glob("*/__init__.py")))
"""Every folder of a service; what runs where is another list, `stack.layout.SERVICES`."""

PAGES = ("README.md", "docs/architecture.md", "services/__init__.py")
ONE_PLACE = {"/" + place + "/" for place in ("work", "tmp", "root", "home")}
NOT_OURS = {".git", ".venv", "build", "dist", "__pycache__"}
TEXTS = {".py", ".pyi", ".md", ".toml", ".lock", ".yml", ".yaml", ".sql", ".sh", ".txt", ".example"}


def texts() -> list[Path]:
    """List the project's text files."""
    everything = (path for path in ROOT.rglob("*") if path.is_file())
    mine = (path for path in everything if not NOT_OURS & set(path.relative_to(ROOT).parts))
    named = {"Makefile", "Dockerfile", "run"}
    return sorted(path for path in mine if path.suffix in TEXTS or path.name in named)


def test_no_module_is_called_by_a_word_that_says_nothing() -> None:
    modules = (source.module for source in sources(*PRODUCT, *TOOLING, "tests"))
    assert [module for module in modules if NAMELESS & set(module.split("."))] == []


def test_the_packages_that_are_imported_are_those_of_this_project() -> None:
    found = {package: importlib.import_module(package).__file__ for package in PRODUCT}
    assert found == {package: str(ROOT / package / "__init__.py") for package in PRODUCT}


def test_every_service_has_the_same_files() -> None:
    names = ("__init__.py", "__main__.py", "settings.py", "app.py", "core")
    places = [ROOT / "services" / service / name for service in SERVICES for name in names]
    missing = [
        str(place) for place in places if not (place.exists() or place.with_suffix(".py").exists())
    ]
    assert missing == []


def test_every_service_is_started_and_stands_on_the_pages() -> None:
    assert set(SERVICES) == {service for each in RUN.values() for service in each}
    pages = {page: (ROOT / page).read_text() for page in PAGES}
    assert [(s, page) for s in SERVICES for page, text in pages.items() if s not in text] == []


def test_the_error_tree_in_the_docstring_is_the_one_of_the_classes() -> None:
    documented = re.findall(r"^[│ ]*[├└]── (\w+) ", str(errors.__doc__), re.MULTILINE)
    assert sorted(documented) == sorted(each.__name__ for each in declared(errors.MeridianError))


def declared(root: type[errors.MeridianError]) -> list[type[errors.MeridianError]]:
    """List the errors of the two lowest packages; an adapter's own stand in its module."""
    below = [each for child in root.__subclasses__() for each in (child, *declared(child))]
    return [each for each in below if each.__module__ in {errors.__name__, Undecodable.__module__}]


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "docs/decisions").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_names_no_host_and_hashes_everything(lock: str) -> None:
    text = (ROOT / lock).read_text()
    words = ("://", "--index", "--extra-index", "--find-links", "--trusted-host", " @ ")
    assert [word for word in words if word in text] == []
    pins = [line for line in text.splitlines() if line[:1].isalnum()]
    assert [pin for pin in pins if "==" not in pin or not pin.endswith("\\")] == []


def test_no_file_knows_the_machine_that_it_was_written_on() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {place}"
        for path in texts()
        for place in ONE_PLACE
        if any(place in f" {word}"[:7] for word in _words(path))
    ]
    assert found == []


def _words(path: Path) -> list[str]:
    """Split a file into what stands between blanks, quotes and brackets."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return "".join(" " if mark in "\"'`()[]{}<>,;=:" else mark for mark in text).split()
