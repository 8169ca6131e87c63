"""Sweeps over operators: whatever the CPU does, the device does, in values, forms and errors.

`make test` runs a fixed sample; `make test-ops` one row in eight of all operators. All rows, some
350,000, take an hour of a core or more: ARGS=--one-row-in=1.
"""

import pytest
import torch
from sweeps import SWEEPS, corpus, planted, pool, tables, units_of, written
from sweeps.compare import WEAK
from sweeps.corpus import in_sample

# The sample: of the entries of the operator database, whose operators it takes; of the other
# operators, which are called with guessed arguments; of all their rows.
ONE_ENTRY_IN, ONE_UNIT_IN, ONE_ROW_IN = 30, 120, 32


@pytest.fixture(scope="module")
def all_operators(request) -> bool:
    return request.config.getoption("--all-ops")


@pytest.fixture(scope="module")
def one_row_in(request, all_operators) -> int:
    return request.config.getoption("--one-row-in") if all_operators else ONE_ROW_IN


@pytest.fixture(scope="module")
def report(all_operators, one_row_in, lab_built) -> pool.Report:
    with corpus.recorded(1 if all_operators else ONE_ENTRY_IN) as calls:
        known = corpus.Corpus.read(calls)
        units = units_of(SWEEPS, known)
        if not all_operators:
            units = [(sweep, [u for u in us if _in_sample(u, known)]) for sweep, us in units]
        return pool.run(units, calls, one_in=one_row_in)


def _in_sample(unit: str, known: corpus.Corpus) -> bool:
    if unit not in known.overloads:
        return unit not in written.SLOW
    return bool(known.recorded(unit)) or in_sample(unit, ONE_UNIT_IN)


@pytest.mark.parametrize("sweep", SWEEPS)
def test_a_sweep(report, sweep, all_operators, one_row_in, capsys):
    rows = [row for row in report.rows if row.startswith(f"{sweep}/")]
    assert rows
    if all_operators:
        with capsys.disabled():
            print(f"\n{sweep}: {len(rows)} rows, one in {one_row_in}")
    strong = {
        row: (program, [f for f in differences if f[0] not in WEAK])
        for row, (program, differences) in report.problems.items()
        if row.startswith(f"{sweep}/")
    }
    problems = tables.uncovered({row: pair for row, pair in strong.items() if pair[1]})
    assert not problems, pool.text(problems)


def test_the_sweeps_make_their_programs(report):
    assert report.broken == {}


def test_no_entry_of_the_tables_is_out_of_date(report, all_operators, one_row_in):
    whole = all_operators and one_row_in == 1
    assert tables.unused(report.problems, report.rows, whole) == []


def test_faults_that_are_planted_are_found(lab_built, tmp_path):
    torch.save([], calls := str(tmp_path / "calls"))
    report = pool.run(units_of(["planted"], corpus.Corpus()), calls)
    found = {
        row.removeprefix("planted/"): {check for check, *_ in differences}
        for row, (_, differences) in report.problems.items()
    }
    for check in planted.PLANTED:
        assert check == "none" or check in found[check], check
    assert found["zero"] == found["a kernel"] == {"value"}
    assert "planted/NaN" in report.rows and "NaN" not in found
