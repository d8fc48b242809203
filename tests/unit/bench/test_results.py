"""Medians, the 99th percentile, sums, and the rows that a run ends in."""

from pathlib import Path

from bench.failover.ledger import Ledger
from bench.failover.run import RunOptions, report_medians
from bench.results import Results, Row

KILLED = "failover: machine killed"


def row(results: Results, measure: str, subject: str) -> Row:
    return next(each for each in results.rows if (each.measure, each.subject) == (measure, subject))


def test_a_figure_is_the_median_and_its_99th_percentile_needs_fifty_values() -> None:
    results = Results("failover")
    results.add("pause", "few", [float(number) for number in range(1, 50)], "s")
    results.add("pause", "many", [float(number) for number in range(1, 101)], "s")
    assert (row(results, "pause", "few").value, row(results, "pause", "few").p99) == (25.0, None)
    many = row(results, "pause", "many")
    assert (many.value, many.p99, many.max, many.n) == (50.5, 99.0, 100.0, 100)


def test_what_is_counted_is_summed_over_the_parts_of_a_run() -> None:
    results = Results("failover")
    results.sum("false failovers", "meridian (local)", [0.0, 2.0, 1.0], "", 360)
    found = row(results, "false failovers", "meridian (local)")
    assert (found.value, found.n, found.min, found.max) == (3.0, 360, 0.0, 2.0)


def test_a_run_ends_in_rows_that_compare_each_peer_with_us(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "run", {})
    ledger.add(KILLED, "meridian", [1.7, 1.8, 1.9])
    ledger.add("acknowledged changes lost", "meridian", [0.0, 0.0], "")
    ledger.add("acknowledged stamps", "meridian", [400.0, 600.0], "")
    ledger.add(KILLED, "patroni (ttl 20)", [18.0])
    ledger.note("pg_auto_failover was not measured: it is not installed.")
    results = Results("failover")
    report_medians(ledger, results)
    peer = row(results, KILLED, "patroni (ttl 20)")
    assert (peer.value, peer.ratio, peer.ratio_to) == (18.0, 10.0, "meridian")
    assert [each.subject for each in results.rows[:2]] == ["meridian", "patroni (ttl 20)"]
    lost = row(results, "acknowledged changes lost", "meridian")
    assert (lost.value, lost.n) == (0.0, 1000)
    assert results.about["run"] == ledger.run
    assert results.about["notes"] == ["pg_auto_failover was not measured: it is not installed."]


def test_how_much_is_measured_is_set_by_the_environment() -> None:
    usual = RunOptions.read({})
    assert (usual.kills, usual.machines, usual.switchovers, usual.peers) == (100, 30, 50, 7)
    assert RunOptions.read({"KILLS": "5", "MINUTES": "0.5", "PEERS": "0"}) == RunOptions(
        5, 30, 30, 30, 10, 50, 30, 10, 10, 0, 5, 0.5
    )
    assert RunOptions.read({"KILLS": ""}).kills == 100
