"""The order in which workers take the files: the slowest first, so that none is last, alone."""

FIRST = (
    *("test_answers", "test_reruns", "test_browser", "test_upstream_call", "test_sweeps"),
    *("test_load", "test_distributed", "test_isolated"),
    *("04_threads_init_fork", "12_many_devices", "13_bugs_that_shipped", "test_determinism"),
    *("test_explorer_browser", "test_nbval", "test_progress", "test_simulator_alone"),
)


def place(stem: str) -> int:
    """The place of a file by its name; those that are not named keep theirs, behind the rest."""
    return FIRST.index(stem) if stem in FIRST else len(FIRST)
