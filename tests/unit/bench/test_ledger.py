"""A run that goes on where it was interrupted, and never with another run's figures."""

from pathlib import Path

from bench.failover.ledger import Ledger

OPTIONS = {"kills": 3, "commit": "abc"}
KILLED = ("failover: process killed", "meridian")


def test_what_was_saved_is_there_when_the_run_goes_on(tmp_path: Path) -> None:
    first = Ledger.open(tmp_path / "run", OPTIONS)
    first.add(*KILLED, [1.5, 1.75])
    first.add("acknowledged changes lost", "meridian", [0.0], "")
    first.note("A peer was not measured: it is not installed.")
    first.save()
    second = Ledger.open(tmp_path / "run", OPTIONS)
    assert (second.run, second.begun, second.notes) == (first.run, first.begun, first.notes)
    assert second.values(*KILLED) == [1.5, 1.75]
    assert second.count(*KILLED) == 2
    assert second.series == first.series


def test_what_was_not_saved_is_measured_again(tmp_path: Path) -> None:
    Ledger.open(tmp_path / "run", OPTIONS).add(*KILLED, [1.5])
    assert Ledger.open(tmp_path / "run", OPTIONS).count(*KILLED) == 0


def test_other_options_or_another_commit_begins_a_run_of_its_own(tmp_path: Path) -> None:
    first = Ledger.open(tmp_path / "run", OPTIONS)
    first.add(*KILLED, [1.5])
    first.save()
    for other in ({**OPTIONS, "kills": 100}, {**OPTIONS, "commit": "def"}):
        begun = Ledger.open(tmp_path / "run", other)
        assert begun.run != first.run
        assert begun.count(*KILLED) == 0


def test_a_run_that_was_reported_is_over(tmp_path: Path) -> None:
    first = Ledger.open(tmp_path / "run", OPTIONS)
    first.add(*KILLED, [1.5])
    first.is_reported = True
    first.save()
    assert Ledger.open(tmp_path / "run", OPTIONS).count(*KILLED) == 0


def test_a_damaged_file_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "run").write_text('{"run": ')
    assert Ledger.open(tmp_path / "run", OPTIONS).series == {}


def test_a_sentence_is_noted_once(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "run", OPTIONS)
    for _ in range(2):
        ledger.note("No primary was cut off: it needs root.")
    assert len(ledger.notes) == 1
