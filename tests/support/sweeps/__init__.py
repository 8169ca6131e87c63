"""Sweeps: programs made from the schemas of operators and from samples, device against CPU.

A sweep is a module with `units(corpus)`, the operators it is about, and `programs(corpus, unit)`,
its rows for one of them. `program` is a row as a value, `observe` what a run of it shows, `compare`
what may not differ, `corpus` the calls that are right, `pool` the processes in which rows may die.
"""

import importlib

SWEEPS = (
    "in_place", "out", "dtypes", "numbers", "scalars", "layouts", "lists", "copies", "modes",
    "storages", "written",
)  # fmt: skip


def units_of(sweeps, corpus) -> list[tuple[str, list[str]]]:
    """Return the sweeps named, each with its units."""
    return [(name, importlib.import_module(f"sweeps.{name}").units(corpus)) for name in sweeps]
