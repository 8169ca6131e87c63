"""The backend of `torch.distributed`: its values, its streams, and what is said when ranks fail."""

import contextlib
import inspect
import io
import os
import re

import collectives
import pytest
import rank_programs
import torch
import torch.distributed as dist
from same import assert_equal

import mtia_lab
from mtia_lab import distributed, isolated
from mtia_lab.distributed import ranks

HELPERS = ("mine", "two", "model", "trained")
FUNCTIONS = [f for _, f in inspect.getmembers(collectives, inspect.isfunction)]
CASES = [f.__name__ for f in FUNCTIONS if f.__name__ not in HELPERS]
PARTS = [rank_programs.idle, rank_programs.calls, rank_programs.misused, rank_programs.orders]
PARTS += [rank_programs.on_streams, rank_programs.a_step, rank_programs.sockets]


@pytest.fixture(scope="module")
def ran():
    """What both ranks returned, and what was printed."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        uses = [*FUNCTIONS, *PARTS]
        values = distributed.run(rank_programs.everything, CASES, devices=2, uses=uses, timeout=300)
    yield values, printed.getvalue()
    ranks.server.stop()


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
    for _, (log, (side, _), still_busy), *_ in ran[0]:
        (collective,) = [command for command in log.commands if command.name == "allreduce"]
        before = next(command for command in log.commands if command.name == "before")
        assert collective.stream not in (0, side) and collective.start == before.finish
        (read,), (written,) = collective.reads, collective.writes
        assert read == written and read.tensor == "float32[2]"
        assert still_busy


def test_who_waits_for_it_goes_on_after_it_and_the_host_never_waits(ran):
    for _, (log, (_, other), _), *_ in ran[0]:
        (collective,) = [command for command in log.commands if command.name == "allreduce"]
        (wait,) = [c for c in log.commands if c.type == "wait" and c.stream == other]
        assert wait.start >= collective.finish
        calls = [call for call in log if isinstance(call, mtia_lab.Call)]
        assert not any(call.waited for call in calls)
        names = [call.name for call in calls if call.door == "distributed"]
        assert names == ["allreduce", "wait"]


def test_the_log_is_the_same_for_every_rank(ran):
    """No thread of Gloo's calls the runtime, so nothing in it depends on who is faster."""
    one, other = (log for _, _, log, *_ in ran[0])
    assert len(one) > 50 and one.to_json() == other.to_json()
    collectives = [command for command in one.commands if command.name == "allreduce"]
    assert len(collectives) == 2 and {c.stream for c in collectives} == {1}  # two buckets
    last = max(c.start for c in one.commands if c.name == "mm")
    assert collectives[0].start < last, "backward goes on meanwhile"
    sites = {record.site for record in one if record.thread == 0}
    assert "a_step.py:9" in sites and sites <= {"a_step.py:9", None}


def test_what_is_right_has_no_findings(ran):
    """Every collective, DDP and FSDP among them, on two devices."""
    for *_, report, _, _ in ran[0]:
        assert report.startswith("no hazards in "), report


def test_tensors_used_before_wait_are_hazards_of_the_collective(ran):
    for *_, misused, _ in ran[0]:
        assert len(misused) == 3 * 13
        for (name, use), (needed, found) in misused.items():
            assert bool(found) == needed, (name, use, found)
            for kind, first, fix in found:
                assert kind == "read-after-write race" if use == "read" else kind.endswith("race")
                assert first in NAMES.get(name, {name}), (name, first)
                assert re.fullmatch(
                    r"insert `work.wait\(\)` before line misused.py:\d+; "
                    r"`work` is what \w+ at line \w+.py:\d+ returns",
                    fix,
                )


NAMES = {
    "all_gather": {"allgather"},
    "all_to_all": {"alltoall"},
    "coalesced": {"allreduce_coalesced"},
    "send and recv": {"send", "recv"},
}


def test_a_collective_is_ordered_as_a_stream_of_its_own(ran):
    for *_, (values, found) in ran[0]:
        ((kind, fix),) = found.pop(("made on another stream", False))
        assert kind == "read-after-write race"
        assert "`torch.mtia.default_stream(0).wait_" in fix
        assert values.pop(("made on another stream", False)) == [0, 0]  # too soon
        assert not any(found.values())
        assert values.pop("read too early") == [1, 1]
        assert values.pop("twice, waited for once") == [4, 4]
        assert set(map(tuple, values.values())) == {(2, 2)}


def test_nothing_goes_beyond_the_loopback_interface(ran):
    for _, _, _, addresses, *_ in ran[0]:
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
    server = isolated.KeptServer("import torch, torch.distributed")
    monkeypatch.setattr(ranks, "server", server)
    yield
    server.stop()


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


def test_who_leaves_before_it_returns_is_to_blame(light, capsys):
    with pytest.raises(ranks.RanksFailed) as raised:
        distributed.run(rank_programs.all_but_one_leave, ranks=5)
    first, second, third, fourth = raised.value.why.splitlines()
    assert first == (
        "rank 1: WorkerLeft: it called sys.exit(0) and did not return (all_but_one_leave.py:8)"
    )
    assert second.startswith("rank 2: WorkerLeft: it called sys.exit('text') and did not return")
    assert third == "rank 3: exit code 0"
    assert fourth.startswith(
        "rank 4: NotCopied: it returned what cannot be copied to another process (Attrib"
    )
    assert len(all_gone(capsys.readouterr().out)) == 5


def test_a_rank_that_calls_a_collective_alone_is_said_to(light):
    """In bounded time: Gloo waits for its timeout."""
    with pytest.raises(ranks.RanksFailed) as raised:
        distributed.run(rank_programs.one_alone, timeout=10)
    assert raised.value.why.splitlines()[:2] == [
        "rank 0 called allreduce(float32[2], SUM) (one_alone.py:4) where the group's collective 2 "
        "was due",
        "rank 1 returned where the group's collective 2 was due",
    ]


def test_what_gloo_does_not_notice_is_found(light):
    with pytest.raises(ranks.RanksFailed) as raised:
        distributed.run(rank_programs.other_operations)
    assert raised.value.what == "The ranks called different collectives."
    assert raised.value.why == (
        "rank 0 called allreduce(float32[2], SUM) (other_operations.py:3) where the group's "
        "collective 2 was due\n"
        "rank 1 called allreduce(float32[2], MAX) (other_operations.py:3) where the group's "
        "collective 2 was due"
    )


@pytest.mark.parametrize("later", [["broadcast", "x, root 1", ""], ["allreduce", "y, SUM", ""]])
def test_ranks_part_where_the_first_call_differs(later):
    same = ["broadcast", "x, root 0", ""]
    assert ranks._parting({0: [same, same], 1: [same, same, later]}) == []  # it may have died
    one, other = ranks._parting({0: [same, same, later], 1: [same, later, later]})
    assert one == "rank 0 called broadcast(x, root 0) where the group's collective 2 was due"
    assert other.startswith(f"rank 1 called {later[0]}({later[1]}) where")


def test_a_rank_may_leave_the_group_itself(light):
    assert distributed.run(rank_programs.leaves_the_group) == [True, False]


def test_the_last_words_of_a_rank_that_was_killed_are_kept(tmp_path):
    stderr = "noise\nterminate called after throwing\n  what():  op.preamble.length <= op.nbytes\n"
    killed = isolated.Result(False, "", "killed by SIGABRT", stderr)
    with pytest.raises(ranks.RanksFailed, match=r"op.nbytes") as raised:
        ranks._raise_what_failed({"0": killed, "1": isolated.Result(True, "", None)}, tmp_path)
    assert raised.value.why.startswith("rank 0: killed by SIGABRT\n    noise\n    terminate called")


@pytest.mark.parametrize(
    "wrong, error, words",
    [
        ({"ranks": 0}, ValueError, "ranks is 0, but 1 to 64 processes"),
        ({"ranks": -1}, ValueError, "ranks is -1, but 1 to 64"),
        ({"ranks": 65}, ValueError, "ranks is 65, but 1 to 64"),
        ({"ranks": True}, TypeError, "ranks is True, a bool, but has to be a whole number"),
        ({"ranks": 2.0}, TypeError, "ranks is 2.0, a float, but has to be a whole number"),
        ({"ranks": "2"}, TypeError, "ranks is '2', a str, but has to be a whole number"),
        ({"devices": "2); print(1"}, TypeError, "devices is .*, a str, but has to be a whole"),
        ({"devices": None}, TypeError, "devices is None"),
        ({"timeout": float("nan")}, ValueError, "timeout is nan"),
        ({"timeout": None}, TypeError, "timeout is None"),
    ],
)
def test_arguments_are_looked_at_before_a_rank_is_started(monkeypatch, wrong, error, words):
    monkeypatch.setattr(ranks, "server", None)
    with pytest.raises(error, match=words):
        distributed.run(rank_programs.one_is_stuck, **wrong)


def test_an_argument_that_cannot_be_copied_is_refused(monkeypatch):
    monkeypatch.setattr(ranks, "server", None)
    with pytest.raises(TypeError, match="an argument of one_is_stuck cannot be copied to other"):
        distributed.run(rank_programs.one_is_stuck, lambda: None)


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
