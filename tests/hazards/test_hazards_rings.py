"""What the sanitizer says of the first rounds of a loop holds for all rounds that come after.

`--all-ops` tries 400 loops instead of those that faults in the hints were seen by.
"""

from ring_programs import ROUNDS, expected, paste, random_ring, run

SAMPLE, WHOLE = [1, 8, 11, 36], 400


def mended(lab, folder, text):
    """The program when all its rounds have been recorded and nothing races in them any more."""
    for turn in range(6):
        report, values = run(lab, folder, text, ROUNDS)
        if not report:
            assert values == expected(text, ROUNDS), "\n".join(text)
            return text
        text = paste(text, report, str(turn))
    raise AssertionError("\n".join([*text, repr(report)]))


def test_no_hint_makes_a_later_round_race(empty, tmp_path, pytestconfig):
    empty.configure("latest")
    hints = 0
    for seed in range(WHOLE) if pytestconfig.getoption("--all-ops") else SAMPLE:
        text = mended(empty, tmp_path, random_ring(seed))
        for rounds in range(1, ROUNDS + 1):
            said = run(empty, tmp_path, text, rounds)[0].hints
            rid = paste(text, said, "rid")
            report, values = run(empty, tmp_path, rid, ROUNDS)
            shown = "\n".join([f"seed {seed}, {rounds} rounds", *text, repr(said), repr(report)])
            assert not report and values == expected(text, ROUNDS), shown
            hints += len(said)
    assert hints
