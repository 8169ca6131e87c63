"""A reader who does what the report says, line by line, ends up with a correct program.

Programs are random lines of source. Every fix is edited into the text as its words say.
"""

import random
import re
import threading
from functools import cache

import pytest
import same
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from only import only

SIZE = 1000
LINES = [
    "{x}.mul_(3).add_({y})",
    "{x} = {x} + {y}",  # frees what x was
    "{x} = torch.sub({x}, {y}).abs()",
    "{x}.copy_({y})",
    "{x}[1::2] = {y}[1::2]",
    "host.copy_({y}, non_blocking=True)",
    "{x}.copy_(host, non_blocking=True)",
]
HOST_LINES = ["host.add_(1)", "total += host.sum()"]
WAITS = ["{s}.wait_stream({t})", "{s}.wait_event(event)", "event = {s}.record_event()"]


def random_lines(seed):
    """Three to fifteen lines, each with the streams and the tensors to put into it."""
    draws = random.Random(seed)
    kinds = draws.choices([LINES, HOST_LINES, WAITS], [6, 1, 2], k=draws.randrange(3, 16))
    return [
        (draws.choice(kind), draws.randrange(3), draws.randrange(3), *draws.choices("abc", k=2))
        for kind in kinds
    ]


@cache
def stream_names():
    """As the report calls them; the default stream is one of them."""
    made = [torch.Stream("mtia"), torch.Stream("mtia")]
    named = {f"s{stream.stream_id}": stream for stream in made}
    return ["torch.mtia.default_stream(0)", *named], named


def to_source(program):
    known, _ = stream_names()
    text = []
    for line, s, t, x, y in program:
        words = line.format(x=x, y=y, s=known[s], t=known[t])
        text.append(f"with {known[s]}: {words}" if line in LINES else words)
    return text


def start(device):
    """What the lines may use."""
    scope = {name: (torch.arange(float(SIZE)) % 7 + k).to(device) for k, name in enumerate("abc")}
    return scope | {"torch": torch, "host": torch.ones(SIZE), "total": 0.0}


def run(lab, text):
    """The report on the text, and the values of its variables."""
    scope = start("mtia") | stream_names()[1]
    scope |= {"host": torch.ones(SIZE, pin_memory=True), "event": torch.Event("mtia")}
    torch.mtia.synchronize()
    with lab.sanitizer() as report:
        exec(compile("\n".join(text), "prog.py", "exec"), scope)
        assert repr(report)
    torch.mtia.synchronize()
    return report, [scope[name].cpu() for name in ("a", "b", "c", "host")] + [scope["total"]]


def run_on_cpu(text):
    scope = start("cpu")
    plain = [re.sub(r"^with .*?: ", "", line) for line in text]
    exec(
        "\n".join(line for line in plain if not re.search("event|wait_stream", line)),
        scope,
    )
    return [scope[name] for name in ("a", "b", "c", "host", "total")]


INSERT = re.compile(
    r"insert `(.*)` before line prog.py:(\d+)(?:, for the event of line prog.py:\d+)?"
)
NEW = re.compile(
    r"insert `done = (.*)` after line prog.py:(\d+) and `(.*)` before line prog.py:(\d+)"
)
RECORD = re.compile(r"call `x(.*)` on the tensor before it is freed at line prog.py:(\d+)")
DELETE = re.compile(
    r"delete the (?:wait|synchronization) at line prog.py:\d+"
    r"|record the event before line prog.py:\d+, or delete the wait there"
)


def edit(text, findings):
    """The text after doing what the findings say."""
    edited = [[line] for line in text]
    for number, finding in enumerate(findings):
        line = int(re.search(r"prog.py:(\d+)", finding.fix)[1]) - 1
        if new := NEW.fullmatch(finding.fix):
            done = f"done_{len(text)}_{number}"
            edited[line].append(f"{done} = {new[1]}")
            edited[int(new[4]) - 1].insert(0, new[3].replace("done", done))
        elif insert := INSERT.fullmatch(finding.fix):
            edited[line].insert(0, insert[1])
        elif record := RECORD.fullmatch(finding.fix):
            freed = re.search(r"(\w) = ", text[line])[1]
            edited[line].insert(0, freed + record[1])
        else:
            assert DELETE.fullmatch(finding.fix), finding.fix
            edited[line].remove(text[line])
    return [line for lines in edited for line in lines]


@pytest.fixture(autouse=True)
def latest(empty):
    empty.configure("latest")


@settings(max_examples=25)
@given(st.integers(0, 10**9).map(random_lines))
def test_doing_what_the_report_says_makes_a_program_right(empty, program):
    text = to_source(program)
    report, _ = run(empty, text)
    rounds = 0
    while report:
        text, rounds = edit(text, report), rounds + 1
        assert rounds < 5, "\n".join(text)
        report, _ = run(empty, text)
    report, values = run(empty, edit(text, report.hints))
    assert not report and not report.hints
    for got, expected in zip(values, run_on_cpu(to_source(program)), strict=True):
        same.assert_equal(torch.as_tensor(got), torch.as_tensor(expected))


# --- What a fix waits for -----------------------------------------------------------------------


def only_fix(report):
    return only(report).fix


def test_a_fix_waits_for_an_event_that_the_program_has(empty, streams):
    one, two = streams
    x = torch.ones(SIZE, device="mtia")
    torch.mtia.synchronize()
    with empty.sanitizer() as report:
        with one:
            x.add_(1)
            done = one.record_event()
            empty.launch("more", us=50)
        with two:
            x.mul(2)
    assert re.fullmatch(
        r"insert `two.wait_event\(done\)` before line test_hazards_fixes.py:\d+, "
        r"for the event of line test_hazards_fixes.py:\d+",
        only_fix(report),
    )
    del done
    torch.mtia.synchronize()
    with empty.sanitizer() as report:
        with one:
            x.add_(1)
            one.record_event()  # gone at once
        with two:
            x.mul(2)
    assert "wait_stream" in only_fix(report)


def test_a_fix_of_one_buffer_leaves_the_other_alone(empty, streams):
    """The next copy is on its way when this one is used: nobody needs to wait for both."""
    copying, _ = streams
    pinned = [torch.ones(SIZE).pin_memory() for _ in range(2)]
    buffers = [torch.empty(SIZE, device="mtia") for _ in range(2)]
    torch.mtia.synchronize()
    with empty.sanitizer() as report:
        for step in range(5):
            with copying:
                buffers[step % 2].copy_(pinned[step % 2], non_blocking=True)
            if step:
                buffers[(step - 1) % 2].sum()
    reads, writes = report
    line = r"test_hazards_fixes.py:\d+"
    new = (
        rf"insert `done = copying.record_event\(\)` after line {line} and `(.*)` before line {line}"
    )
    assert re.fullmatch(new, reads.fix)[1] == "torch.accelerator.current_stream().wait_event(done)"
    assert reads.count == 4 and "wait_stream" in writes.fix


def test_the_host_waits_for_one_copy_and_not_for_all_there_is(empty):
    x, hosts = torch.ones(SIZE, device="mtia"), [torch.empty(SIZE, pin_memory=True) for _ in "ab"]
    torch.mtia.synchronize()
    with empty.sanitizer() as report:
        hosts[0].copy_(x, non_blocking=True)
        hosts[1].copy_(x, non_blocking=True)
        hosts[0].sum()
    assert "`done.synchronize()` before" in only_fix(report)


def test_one_wait_where_several_would_do_less(empty, streams):
    """Each of the lines needs another tensor: one wait for all is fewer fixes."""
    one, two = streams
    a, b = torch.ones(SIZE, device="mtia"), torch.ones(SIZE, device="mtia")
    torch.mtia.synchronize()
    with empty.sanitizer() as report:
        with one:
            a.add_(1)
            b.add_(1)
        with two:
            a.mul(2)
            b.mul(2)
    assert "wait_stream" in only_fix(report)


def test_one_omission_is_one_finding(empty, streams):
    """Two uses of a tensor that is freed: whoever records the stream mends both."""
    side, _ = streams
    with empty.sanitizer() as report:
        for _ in range(3):
            x = torch.ones(SIZE, device="mtia")
            side.wait_stream(torch.mtia.current_stream())
            with side:
                x.mul_(2)
                x.sum()
            del x
            torch.zeros(SIZE, device="mtia")
    assert "record_stream" in only_fix(report)


def on_two_threads(lab, streams, mend):
    """One thread writes, the two meet, the other reads; whose line comes first is not known."""
    one, two = streams
    x, events = torch.ones(SIZE, device="mtia"), []
    torch.mtia.synchronize()
    meet = threading.Barrier(2, timeout=60)

    def writes():
        with one:
            x.add_(1)
            if mend == "event":
                events.append(one.record_event())
        meet.wait()

    def reads():
        if mend == "wait_stream":
            two.wait_stream(one)  # before the other has got anywhere
        meet.wait()
        with two:
            if mend == "event":
                two.wait_event(events[0])
            x.mul(2)

    with lab.sanitizer() as report:
        threads = [threading.Thread(target=work) for work in (reads, writes)]
        threads[0].start()
        while mend == "wait_stream" and not report.log.commands:
            pass
        threads[1].start()
        for thread in threads:
            thread.join()
    return report


@pytest.mark.parametrize("mend", ["nothing", "wait_stream", "event"])
def test_a_fix_across_host_threads_is_an_event_before_they_meet(empty, streams, mend):
    report = on_two_threads(empty, streams, mend)
    if mend == "event":
        assert not report
        return
    line = r"test_hazards_fixes.py:\d+"
    assert re.fullmatch(
        rf"insert `done = one.record_event\(\)` after line {line} and, when the threads have met, "
        rf"`two.wait_event\(done\)` before line {line}",
        only_fix(report),
    )
