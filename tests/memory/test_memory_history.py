"""What is known of memory afterwards: in the log, and in snapshots."""

import pickle

import pytest
import torch
from memory import MIB, small_device, taken


def test_the_log_shows_what_happened_to_memory_in_order(empty):
    side = torch.Stream("mtia:0")
    with empty.record() as log:
        x = taken(1000)
        x.record_stream(side)
        del x
        torch.mtia.synchronize()
        torch.accelerator.empty_cache()
    what = [(m.action, m.stream, m.address, m.bytes) for m in log.memory]
    assert what == [
        ("segment_alloc", 0, 0, 2 * MIB),
        ("alloc", 0, 0, 1024),
        ("record_stream", side.stream_id, 0, 1024),
        ("free", 0, 0, 1024),
        ("segment_free", 0, 0, 2 * MIB),
    ]
    files = [m.site.partition(":")[0] for m in log.memory]
    assert files == ["memory.py"] * 2 + ["test_memory_history.py"] * 3
    names = [getattr(record, "name", None) for record in log]
    assert names.index("emptyCache") == len(log) - 2, "the call, and then what it did"
    assert "5 actions on memory" in repr(log)
    assert repr(log.memory[1]) == "alloc 1,024 bytes from 0 on mtia:0/0"


def test_the_log_shows_an_allocation_that_failed(empty):
    small_device(empty, 16)
    with empty.record() as log, pytest.raises(torch.OutOfMemoryError):
        taken(17 * MIB, "mtia:1")
    (only,) = log.memory
    assert (only.action, only.device, only.address, only.bytes) == ("oom", 1, None, 17 * MIB)
    assert '"address": null' in log.to_json()


# --- Snapshots ----------------------------------------------------------------------------------


def test_a_snapshot_shows_segments_blocks_and_who_allocated_them(empty):
    torch.mtia.record_memory_history()
    x, y = taken(1000), taken(3 * MIB)
    side = torch.Stream("mtia:0")
    x.record_stream(side)
    del x
    snapshot = torch.mtia.snapshot()
    small, large = snapshot["segments"]
    assert (small["total_size"], small["segment_type"]) == (2 * MIB, "small")
    assert (small["allocated_size"], small["active_size"]) == (0, 1024)
    assert [b["state"] for b in small["blocks"]] == ["active_pending_free", "inactive"]
    assert (large["device"], large["stream"], large["allocated_size"]) == (0, 0, 3 * MIB)
    (frame,) = large["blocks"][0]["frames"]
    assert frame["filename"] == "memory.py" and frame["line"] > 0
    first, second = snapshot["device_traces"]
    assert second == []
    assert [e["action"] for e in first] == [
        "segment_alloc",
        "alloc",
        "segment_alloc",
        "alloc",
        "free_requested",
    ]
    assert y.numel() == 3 * MIB


def test_a_block_used_elsewhere_is_freed_in_two_steps(empty):
    torch.mtia.record_memory_history()
    x, side = taken(1000), torch.Stream("mtia:0")
    x.record_stream(side)
    with side:
        empty.launch("uses x", us=50)
    del x
    torch.mtia.synchronize()
    taken(1000)
    actions = [e["action"] for e in torch.mtia.snapshot()["device_traces"][0]]
    assert actions[2:4] == ["free_requested", "free_completed"]


def test_pytorchs_own_tools_read_a_snapshot(empty):
    from torch.cuda import _memory_viz as viz

    torch.mtia.record_memory_history()
    x = taken(1000)
    small_device(empty, 16)
    with pytest.raises(torch.OutOfMemoryError):
        taken(20 * MIB)
    snapshot = torch.mtia.snapshot()
    assert "total_allocated: 1000.0B" in viz.segsum(snapshot)
    assert "OutOfMemoryError # 20.0MiB requested, 14.0MiB free" in viz.trace(snapshot)
    assert "<html" in viz.trace_plot(snapshot).lower()
    assert pickle.loads(pickle.dumps(snapshot)) == snapshot
    assert x.numel() == 1000


def test_how_much_history_is_kept(empty):
    torch.mtia.record_memory_history("all", max_entries=3)
    kept = [taken(1000) for _ in range(9)]
    assert len(torch.mtia.snapshot()["device_traces"][0]) == 3

    torch.mtia.record_memory_history("state")
    kept.append(taken(1000))
    snapshot = torch.mtia.snapshot()
    assert snapshot["device_traces"] == [[], []]
    frames = [block["frames"] for block in snapshot["segments"][0]["blocks"]]
    assert [bool(f) for f in frames][:10] == [True] * 10

    torch.mtia.record_memory_history("all", stacks="cpp")
    kept.append(taken(1000))
    assert torch.mtia.snapshot()["device_traces"][0][-1]["frames"] == []

    torch.mtia.record_memory_history(None)
    kept.append(taken(1000))
    assert torch.mtia.snapshot()["device_traces"] == [[], []]


def test_history_refuses_words_it_does_not_know(empty):
    with pytest.raises(RuntimeError, match='"all", "state"'):
        torch.mtia.record_memory_history("everything")
    with pytest.raises(RuntimeError, match="unknown stacks 'lua'"):
        torch.mtia.record_memory_history("all", stacks="lua")
