"""A pytest plugin: the mutant named in the environment, patched as its module is imported."""

import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Final

from tools.mutants.catalogue import MUTANTS
from tools.mutants.mutant import Mutant, patched

CHOSEN: Final = "MUTANT"


class PatchedLoader(SourceFileLoader):
    """Loads a module's source with the patch in it."""

    def __init__(self, mutant: Mutant, path: str) -> None:
        super().__init__(mutant.module, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> object:  # type: ignore[override]
        path = self.get_filename(fullname)
        return compile(patched(self._mutant, self.get_data(path).decode()), path, "exec")


class Finder(MetaPathFinder):
    """Finds the one module that the mutant patches."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        assert spec is not None
        assert spec.origin is not None
        loader = PatchedLoader(self._mutant, spec.origin)
        return importlib.util.spec_from_file_location(fullname, spec.origin, loader=loader)


def pytest_load_initial_conftests() -> None:
    """Break what is chosen, before any test or conftest is imported."""
    chosen = [mutant for mutant in MUTANTS if mutant.name == os.environ.get(CHOSEN)]
    for mutant in chosen:
        assert mutant.module not in sys.modules, "it is too late to break this"
        sys.meta_path.insert(0, Finder(mutant))
