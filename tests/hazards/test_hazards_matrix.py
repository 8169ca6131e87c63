"""Every combination of stream, use, wait, event, record_stream and free, each tried on the device.

What to expect comes from a model that tries all interleavings of the two streams.
"""

from functools import cache
from itertools import product

import pytest
import torch
from interleavings import Do, Record, Wait, outcomes

from mtia_lab.hazards import finding as kinds

USES = ["read", "write"]  # what the side stream does with x
BEFORE = ["nothing", "side waits"]  # what orders main's write of x before that use
EVENTS = ["before the use", "after the use"]  # when side records its event
AFTER = ["nothing", "main waits", "host waits for event", "host waits for side"]
RECORDED = [False, True]  # x.record_stream(side)
FREED = [False, True]  # then main allocates again, which may get x's memory
WRITERS = ["main", "side"]  # who overwrites x, or what came in its place
SCENARIOS = list(product(USES, BEFORE, EVENTS, AFTER, RECORDED, FREED, WRITERS))


def model(scenario, reuse):
    """The same as steps of the model. A block that may still be in use is only given away if
    `reuse` says so, which the allocator does unless it was told of the use."""
    use, before, event, after, _, freed, writer = scenario
    steps = [Do("main", "make", None, "x")]
    if before == "side waits":
        steps += [Record("main", "made"), Wait("side", "made")]
    kernel = [Do("side", "use", "x", "x" if use == "write" else "y")]
    mark = [Record("side", "event")]
    steps += kernel + mark if event == "after the use" else mark + kernel
    if after == "main waits":
        steps.append(Wait("main", "event"))
    elif after == "host waits for event":
        steps.append(Wait(None, "event"))
    elif after == "host waits for side":
        steps += [Record("side", "all"), Wait(None, "all")]
    target = "z" if freed and not reuse else "x"
    return [*steps, Do(writer, "overwrite", None, target)]


@cache
def streams():
    return torch.Stream("mtia"), torch.Stream("mtia")


def run(scenario):
    """On the device."""
    use, before, event, after, recorded, freed, writer = scenario
    main, side = streams()
    with main:
        x = torch.empty(1000, device="mtia")
        x.fill_(1)
    y = torch.empty(0)
    if before == "side waits":
        side.wait_stream(main)
    if event == "before the use":
        done = side.record_event()
    with side:
        if use == "write":
            x.mul_(2)
        else:
            y = x * 2
    if event == "after the use":
        done = side.record_event()
    if recorded:
        x.record_stream(side)
    if after == "main waits":
        main.wait_event(done)
    elif after == "host waits for event":
        done.synchronize()
    elif after == "host waits for side":
        side.synchronize()
    if freed:
        del x
        with main:
            x = torch.empty(1000, device="mtia")
    with {"main": main, "side": side}[writer]:
        x.fill_(3)
    torch.mtia.synchronize()
    return x, y


def expected(scenario):
    """The sorts of hazard: on x itself, and, once that is mended, on its memory's next life."""
    use, _, *rest = scenario
    mended = (use, "side waits", *rest)
    sorts = set()
    if len(outcomes(model(scenario, reuse=False))) > 1:
        sorts.add("race")
    recorded, freed = scenario[4:6]
    if freed and not recorded and len(outcomes(model(mended, reuse=True))) > 1:
        sorts.add("reuse")
    return sorts


def sorts_of(report):
    return {"reuse" if finding.kind == kinds.REUSE else "race" for finding in report}


@pytest.mark.parametrize("schedule", ["modelled", "latest"])
def test_every_scenario(empty, schedule):
    empty.configure(schedule)
    wrong, seen = [], set()
    for scenario in SCENARIOS:
        with empty.sanitizer() as report:
            run(scenario)
        seen |= {finding.kind for finding in report}
        if sorts_of(report) != expected(scenario):
            wrong.append((scenario, sorts_of(report), expected(scenario)))
    assert not wrong, f"{len(wrong)} of {len(SCENARIOS)}, such as {wrong[:4]}"
    assert seen == {kinds.RAW, kinds.WAR, kinds.WAW, kinds.REUSE}
