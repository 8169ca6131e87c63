"""python -m sweeps [NAME ...]: run sweeps from the folder tests/support and print what differs."""

import argparse
import collections
import contextlib
import pickle
import time

from sweeps import SWEEPS, corpus, pool, units_of


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sweeps", nargs="*", default=SWEEPS)
    parser.add_argument("--one-in", type=int, default=1, help="a fixed sample of the rows")
    parser.add_argument("--like", default="", help="operators with this in their names only")
    parser.add_argument("--each", type=int, default=3, help="rows to print of an operator")
    parser.add_argument("--calls", help="a recording of the operator database, to use again")
    parser.add_argument("--keep", help="a file for the report")
    chosen = parser.parse_args()
    start = time.monotonic()
    with contextlib.ExitStack() as stack:
        calls = chosen.calls or stack.enter_context(corpus.recorded())
        units = units_of(chosen.sweeps, corpus.Corpus.read(calls))
        wanted = [(s, [unit for unit in names if chosen.like in unit]) for s, names in units]
        report = pool.run(wanted, calls, one_in=chosen.one_in)
    if chosen.keep:
        with open(chosen.keep, "wb") as file:
            pickle.dump(report, file)
    print(f"{len(report.rows)} rows in {time.monotonic() - start:.0f} s")
    for title, found in (("broken", report.broken), ("no oracle", report.without_oracle)):
        for name, text in found.items():
            print(f"{title}: {name}: {text}")
    show(report, chosen.each)


def show(report: pool.Report, each: int) -> None:
    """Print the rows that differ, by the check and the operator."""
    groups = collections.defaultdict(lambda: collections.defaultdict(dict))
    for name, (program, found) in report.problems.items():
        for difference in found:
            groups[difference[0]]["/".join(name.split("/")[:2])][name] = (program, [difference])
    for check, by_unit in sorted(groups.items()):
        print(f"\n== {check}: {sum(map(len, by_unit.values()))} rows of {len(by_unit)} operators")
        for problems in by_unit.values():
            print(pool.text(problems, each))


if __name__ == "__main__":
    main()
