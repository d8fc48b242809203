"""Every mutant of `make mutants` applies to today's source."""

from tools.mutants.catalogue import MUTANTS
from tools.mutants.mutant import not_applicable


def test_every_mutant_applies() -> None:
    assert not_applicable(MUTANTS) == {}


def test_no_two_mutants_have_one_name() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert sorted({name for name in names if names.count(name) > 1}) == []
