"""Where the explorer opens: at what a reader would look for first."""

from dataclasses import replace

import pytest
from drawings import command, memory

from mtia_lab.explorer.model import Model
from mtia_lab.explorer.opening import opening
from mtia_lab.hazards import find_hazards
from mtia_lab.log.log import Log
from mtia_lab.log.records import POISON, Access

BLOCK = Access(0, 0, 4, "int32", (), None, 4)
ALLOCATED = memory("alloc", 0, 1)
ALONE = [
    command(1, "kernel", (0, 1), (0, 0, 2), name="a"),
    command(2, "kernel", (0, 2), (2, 2, 4), name="b"),
]
BESIDE = [*ALONE, command(3, "kernel", (0, 1), (2, 3, 9), name="c")]
RECORDED = command(4, "record", (0, 1), (4, 9, 9), event=1, version=1)
HELD = [*BESIDE, RECORDED, command(5, "wait", (0, 2), (5, 9, 9), event=1, version=1, after=(4,))]
IDLE = [*BESIDE, RECORDED, command(5, "wait", (0, 2), (11, 11, 11), event=1, version=1, after=(4,))]
POISONS = command(6, "kernel", (0, 3), (20, 20, 21), name="fill", writes=(BLOCK,), marker=POISON)
READS = command(7, "kernel", (0, 3), (21, 21, 22), name="reads", reads=(BLOCK,))
RACES = command(8, "kernel", (0, 4), (22, 23, 24), name="races", writes=(BLOCK,))


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([], "the recording begins"),
        (ALONE, "kernel a on mtia:0/1 starts"),
        (BESIDE, "kernel c on mtia:0/1 starts"),
        (IDLE, "kernel c on mtia:0/1 starts"),
        (HELD, "wait for e1 v1 on mtia:0/2 is enqueued"),
        ([ALLOCATED, *HELD, READS], "wait for e1 v1 on mtia:0/2 is enqueued"),
        ([ALLOCATED, *HELD, POISONS, READS], "kernel reads on mtia:0/3 starts"),
        ([ALLOCATED, *HELD, POISONS, READS, RACES], "kernel races on mtia:0/4 starts"),
    ],
    ids=["empty", "alone", "beside", "idle", "held", "read", "poison", "race"],
)
def test_it_opens_at_what_matters_most(records, told):
    log = Log(records)
    model = Model(log)
    moment, chosen = opening(model, find_hazards(log))
    assert model.describe(moment) == told
    assert chosen == ([model.moments[moment][1]] if records else [])


def test_who_allocated_is_said_only_where_it_is_known():
    """Of a block without a line: what the log began with, and what another thread allocated."""
    model = Model(Log([replace(memory("alloc", 512, 1), site=None)], {}, [ALLOCATED]))
    before, within = model.blocks
    assert (before.begin, before.cause) == (0, "before the recording")
    assert (within.begin, within.cause) == (1, "by host thread 0, at no line of yours")
    pinned = Access(-1, 0, 4, "int32", (), None, 4)
    model = Model(Log([command(1, "copy", (0, 1), (0, 0, 2), name="H2D", reads=(pinned,))]))
    assert model.blocks[0].cause == "not known; record(host=True) says it"
