"""The backend of `torch.distributed`: its values, its streams, and what is said when ranks fail."""

import contextlib
import inspect
import io
import os

import collectives
import pytest
import rank_programs
import torch
import torch.distributed as dist
from same import assert_equal

import mtia_lab
from mtia_lab import distributed, isolated, ranks

HELPERS = ("mine", "two", "model", "trained")
FUNCTIONS = [f for _, f in inspect.getmembers(collectives, inspect.isfunction)]
CASES = [f.__name__ for f in FUNCTIONS if f.__name__ not in HELPERS]
PARTS = [rank_programs.on_streams, rank_programs.a_step, rank_programs.sockets]


@pytest.fixture(scope="module")
def ran():
    """What both ranks returned, and what was printed."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        uses = [*FUNCTIONS, *PARTS]
        values = distributed.run(rank_programs.everything, CASES, devices=2, uses=uses)
    return values, printed.getvalue()


def flat(value):
    if isinstance(value, list | tuple):
        return [tensor for part in value for tensor in flat(part)]
    return [value]


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_gloo_on_the_cpu(ran, name):
    for rank, (results, *_) in enumerate(ran[0]):
        cpu, first, second = map(flat, results[name])
        assert cpu or (name, rank) == ("gather", 0)  # who gets nothing
        for expected, *got in zip(cpu, first, second, strict=True):
            for tensor in got:
                assert_equal(tensor, expected)


def test_ranks_differ_where_they_should(ran):
    """Else the case above would hold for a group that does nothing."""
    one, other = (results for results, *_ in ran[0])
    assert not torch.equal(flat(one["scatter"])[0], flat(other["scatter"])[0])
    assert torch.equal(flat(one["ddp"])[0], flat(other["ddp"])[0])  # whose data differ
    assert torch.equal(flat(one["broadcast"])[0], torch.arange(6.0).view(2, 3) * 2)


def test_a_collective_waits_for_the_current_stream_and_no_other(ran):
    for _, (log, called, (side, _), still_busy), *_ in ran[0]:
        waits = [call for call in log[:called] if getattr(call, "waited", 0)]
        assert [(call.name, call.args) for call in waits] == [
            ("synchronizeStream", f"mtia:0/{side}")
        ]
        (down,) = [command for command in log.commands if command.name == "D2H"]
        before = next(command for command in log.commands if command.name == "before")
        assert down.stream == side and down.start >= before.finish
        assert still_busy


def test_its_results_come_in_the_order_of_the_stream_that_waits(ran):
    for _, (log, called, (_, other), _), *_ in ran[0]:
        (up,) = [command for command in log.commands if command.name == "H2D"]
        long = next(command for command in log.commands if command.name == "long")
        assert up.stream == other and up.start >= long.finish
        calls = [call for call in log[called:] if isinstance(call, mtia_lab.Call)]
        assert not any(call.waited for call in calls)


def test_the_log_is_the_same_for_every_rank(ran):
    """No thread of Gloo's calls the runtime, so nothing in it depends on who is faster."""
    one, other = (log for _, _, log, *_ in ran[0])
    assert len(one) > 50 and one.to_json() == other.to_json()
    names = [command.name for command in one.commands if command.type == "copy"]
    assert names == ["D2H", "H2D"] * 2  # two buckets
    sites = {record.site for record in one if record.thread == 0}
    assert "a_step.py:9" in sites and sites <= {"a_step.py:9", None}


def test_nothing_goes_beyond_the_loopback_interface(ran):
    for *_, addresses in ran[0]:
        assert "127.0.0.1" in addresses
        assert addresses <= {"127.0.0.1", "0.0.0.0", "::1", "::ffff:127.0.0.1"}


def test_what_ranks_print_comes_in_their_order(ran):
    assert ran[1].splitlines() == [
        "[rank 0] rank 0 of 2 by mtia_gloo",
        "[rank 1] rank 1 of 2 by mtia_gloo",
    ]


@pytest.fixture
def light(monkeypatch):
    """Ranks that use no device start sooner."""
    monkeypatch.setattr(ranks, "_PRELUDE", "import torch, torch.distributed")


def all_gone(printed):
    """The lines printed, by processes that have ended."""
    lines = printed.splitlines()
    for line in lines:
        with pytest.raises(ProcessLookupError):
            os.kill(int(line.split()[-1]), 0)
    return [line.partition("]")[0] for line in lines]


def test_who_failed_and_how_is_said_and_nobody_stays(light, capsys):
    with pytest.raises(ranks.RanksFailed) as raised:
        distributed.run(rank_programs.one_raises_one_dies, ranks=3)
    assert raised.value.what == "3 of 3 ranks failed."
    assert raised.value.why.splitlines() == [
        "rank 1: ValueError: no (one_raises_one_dies.py:7)",
        "rank 2: exit code 3",
    ]
    assert all_gone(capsys.readouterr().out) == ["[rank 0", "[rank 1", "[rank 2"]


def test_a_rank_that_is_stuck_is_killed(light, capsys, monkeypatch):
    monkeypatch.setattr(ranks, "_GRACE", 3)
    with pytest.raises(ranks.RanksFailed, match="2 of 2 ranks failed") as raised:
        distributed.run(rank_programs.one_is_stuck, timeout=1)
    # On a machine that is busy enough, rank 0 has not ended either by then.
    assert raised.value.why.splitlines()[-1] == "rank 1: hung"
    assert "PeerLost" not in raised.value.why
    all_gone(capsys.readouterr().out)


def test_a_lost_peer_is_news_only_if_nobody_has_worse(tmp_path):
    lost = isolated.Result(False, "", "PeerLost: allreduce lost another process")
    results = {"0": lost, "1": isolated.Result(True, "", None)}
    with pytest.raises(ranks.RanksFailed, match="rank 0: PeerLost"):
        ranks._raise_what_failed(results, tmp_path)
    results["1"] = isolated.Result(False, "", "killed by SIGSEGV")
    with pytest.raises(ranks.RanksFailed) as raised:
        ranks._raise_what_failed(results, tmp_path)
    assert raised.value.why == "rank 1: killed by SIGSEGV"


@pytest.mark.parametrize("nameless", [lambda: None, len, "source"])
def test_what_has_no_source_is_refused(nameless):
    with pytest.raises(TypeError, match="no source of its own"):
        distributed.run(nameless)


def test_a_function_whose_source_is_lost_is_refused():
    names = {}
    exec("def lost(): pass", names)
    with pytest.raises(TypeError, match="source of lost cannot be found"):
        distributed.run(names["lost"])


def test_a_group_of_another_backend_says_which_one_to_take(lab):
    store, options = dist.HashStore(), dist.ProcessGroupGloo._Options()
    options._devices = [dist.ProcessGroupGloo.create_device(hostname="127.0.0.1")]
    group = dist.ProcessGroup(store, 0, 1)
    gloo = dist.ProcessGroupGloo(store, 0, 1, options)
    for device in ("cpu", "mtia"):
        group._register_backend(torch.device(device), dist.ProcessGroup.BackendType.GLOO, gloo)
    x = torch.ones(2, device="mtia")
    for _ in range(2):
        with lab.record() as log, pytest.raises(RuntimeError, match="backend 'mtia_gloo'"):
            group.allreduce([x])
        assert not log.commands
    group.allreduce([x.cpu()]).wait()
