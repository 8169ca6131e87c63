"""A reader who does what the report says, line by line, ends up with a correct program.

Programs are random lines of source. Every fix is edited into the text as its words say.
"""

import random
import re
from functools import cache

import pytest
import same
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
    exec("\n".join(line for line in plain if not re.search("event|wait_stream", line)), scope)
    return [scope[name] for name in ("a", "b", "c", "host", "total")]


INSERT = re.compile(r"insert `(.*)` before line prog.py:(\d+)")
RECORD = re.compile(r"call `x(.*)` on the tensor before it is freed at line prog.py:(\d+)")
DELETE = re.compile(
    r"delete the (?:wait|synchronisation) at line prog.py:\d+"
    r"|record the event before line prog.py:\d+, or delete the wait there"
)


def edit(text, findings):
    """The text after doing what the findings say."""
    edited = [[line] for line in text]
    for finding in findings:
        line = int(re.search(r"prog.py:(\d+)", finding.fix)[1]) - 1
        if insert := INSERT.fullmatch(finding.fix):
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


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
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
