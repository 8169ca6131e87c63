"""Vector clocks and the map of memory, against transitive closure and sets of bytes."""

from hazard_logs import (
    BLOCK,
    Closure,
    bytes_of,
    checked,
    races,
    random_program,
    to_access,
    to_log,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from mtia_lab.hazards import find_hazards
from mtia_lab.hazards.fixes import NEW_EVENT
from mtia_lab.hazards.memory_map import overlap

programs = st.integers(0, 10**9).map(random_program)


def found(log):
    """Every race the checker notices if nobody fixes any, as the ids of its commands."""
    return {(race.first.id, race.second.id) for race in races(log)}


@settings(max_examples=200)
@given(programs)
def test_a_command_races_if_it_does_by_brute_force(program):
    log = to_log(program)
    expected, seen = Closure(log).races(log), found(log)
    assert seen <= expected
    assert {second for _, second in seen} == {second for _, second in expected}
    assert bool(find_hazards(log)) == bool(expected)


@settings(max_examples=200)
@given(programs)
def test_the_fixes_together_leave_no_race(program):
    log, more = to_log(program), {}
    hazards = list(checked(log).hazards())
    for hazard in hazards:
        race, fix = hazard.race, hazard.fix
        stream, id = race.first.command.stream, race.second.id
        awaited = [c for c in log.commands if c.stream == stream and c.id < id]
        if fix.kind == NEW_EVENT:
            awaited = [c for c in awaited if c.site == fix.line]
        more.setdefault(id, []).append(max(c.id for c in awaited))
    assert not Closure(log, more).races(log)
    assert bool(more) == bool(found(log))


@settings(max_examples=80)
@given(programs)
def test_a_wait_is_needless_if_it_adds_no_kernel_to_those_before(program):
    log = to_log(program)
    hinted = {hint.second.command for hint in find_hazards(log).hints if hint.second.command}
    for wait in (c for c in log.commands if c.type == "wait"):
        with_it, without = Closure(log), Closure(log, without=wait.id)
        needless = with_it.kernels_before(wait.id) == without.kernels_before(wait.id)
        assert (wait.id in hinted) == needless


forms = st.builds(
    to_access, st.integers(0, BLOCK // 2), st.sampled_from([(8,), (4, 2), (3,), (5,), (2, 4)])
)


@settings(max_examples=200)
@given(forms, forms)
def test_overlap_is_a_byte_in_common(one, other):
    assert overlap(one, other) == bool(bytes_of(one) & bytes_of(other))
