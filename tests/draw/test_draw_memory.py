"""The heap strip: each block where and as long as the log says, and the two sums."""

import itertools
import re

import pytest
from drawings import Drawing, command, heap_log, memory
from hypothesis import given, settings
from hypothesis import strategies as st

from mtia_lab import draw
from mtia_lab.draw import palette
from mtia_lab.draw.memory import Heights
from mtia_lab.log.log import Log
from mtia_lab.log.replay import Heap, of_snapshot
from mtia_lab.log.units import size

MiB = 2**20
LEFT, RIGHT = 176, 822  # of the strip


def box(drawing, name):
    """The block with this name, by its tooltip."""
    return next(rect for rect in drawing.rects if rect.words.startswith(f"{name}: "))


def column(heap, step):
    return LEFT + (RIGHT - LEFT) * step / len(heap.steps)


def spans(heap, kind):
    return [(span.name, span.begin, span.end) for span in heap.of(kind)]


def test_blocks_lie_from_alloc_to_free_at_their_addresses():
    log = heap_log()
    heap, drawing = Heap(log, 0), Drawing(draw.memory(log))
    assert spans(heap, "block") == [("a", 0, 2), ("b", 1, 6), ("c", 3, 5), ("d", 4, 7)]
    boxes = {name: box(drawing, name) for name in "abcd"}
    for name, begin, end in spans(heap, "block"):
        assert boxes[name].left == pytest.approx(column(heap, begin), abs=0.02)
        assert boxes[name].right == pytest.approx(column(heap, end), abs=0.02)
    assert boxes["a"].bottom == pytest.approx(boxes["c"].bottom, abs=0.02)  # the same addresses
    assert boxes["b"].bottom == pytest.approx(boxes["a"].top, abs=0.02)  # above a
    assert boxes["d"].bottom < boxes["b"].top  # in a segment above the first
    assert boxes["d"].attributes["fill"] == palette.stream_hue(3).pale


def test_a_segment_is_part_of_the_step_it_was_obtained_for_and_can_be_returned():
    heap = Heap(heap_log(), 0)
    assert [(s.address, s.begin, s.end) for s in heap.of("segment")] == [
        (0, 0, 8),
        (20 * MiB, 4, 8),
    ]
    assert [step.action for step in heap.steps] == [
        *("alloc", "alloc", "free", "alloc", "alloc", "free", "free", "free"),
        "segment_free",
    ]


def test_sums_after_each_step():
    heap = Heap(heap_log(), 0)
    assert [step.allocated // MiB for step in heap.steps] == [4, 12, 8, 12, 14, 10, 2, 0, 0]
    assert [step.reserved // MiB for step in heap.steps] == [20, 20, 20, 20, 22, 22, 22, 22, 0]
    drawing = Drawing(draw.memory(heap_log()))
    assert drawing.find("reserved: peak 22 MiB") and drawing.find("allocated: peak 14 MiB")


def test_an_arrow_leads_to_the_next_block_at_the_same_addresses():
    log = heap_log()
    ((earlier, later),) = Heap(log, 0).reuses
    assert (earlier.name, later.name) == ("a", "c")
    picture = draw.memory(log)
    assert "the same addresses again" in picture.svg
    drawing = Drawing(picture)
    y = (box(drawing, "a").top + box(drawing, "a").bottom) / 2
    heads = [p.get("points").split()[0].split(",") for p in drawing.all("polygon")]
    tips = [float(x) for x, height in heads if abs(float(height) - y) < 1]
    assert tips == [pytest.approx(box(drawing, "c").left - 1, abs=0.02)]
    fresh = Log([r for r in log if r.time < 10])
    assert "the same addresses again" not in draw.memory(fresh).svg


def test_memory_from_before_the_log_is_there_from_the_start():
    before = [memory("segment_alloc", 0, 20), memory("alloc", 0, 4)]
    log = Log([memory("free", 0, 4, time=5.0)], initial_memory=before)
    heap = Heap(log, 0)
    assert spans(heap, "block") == [("a", 0, 1)]
    assert [(s.action, s.allocated, s.reserved) for s in heap.steps] == [
        ("start", 4 * MiB, 20 * MiB),
        ("free", 0, 20 * MiB),
    ]


def test_other_devices_are_left_out():
    log = Log([memory("segment_alloc", 0, 2, device=1), memory("alloc", 0, 1, device=1)])
    assert "nothing was allocated" in draw.memory(log).text
    assert spans(Heap(log, 1), "block") == [("a", 0, 1)]
    assert Heap(Log(initial_memory=list(log)), 0).boundaries == []


def used_elsewhere(until):
    """A block of stream 0 that stream 2 uses until some time; then time passes."""
    return Log(
        [
            memory("segment_alloc", 0, 20),
            memory("alloc", 0, 4),
            command(1, "kernel", (0, 2), (1.0, 1.0, until), name="use"),
            memory("record_stream", 0, 4, stream=2, time=2.0),
            memory("free", 0, 4, time=3.0),
            memory("alloc", 4, 4, time=4.0),
            memory("free", 4, 4, time=50.0),
        ]
    )


def test_what_another_stream_may_use_rests_until_it_is_done():
    assert spans(Heap(used_elsewhere(until=50), 0), "rests") == [("a", 2, 4)]
    assert spans(Heap(used_elsewhere(until=99), 0), "rests") == [("a", 2, 5)]
    assert spans(Heap(used_elsewhere(until=2), 0), "rests") == []
    picture = draw.memory(used_elsewhere(until=50))
    assert "freed, another stream may use it" in picture.svg
    assert "/ freed, another stream may use it" in picture.text
    assert re.search(r"from 0 \|a+/+\.+$", picture.text, re.MULTILINE)


def test_poison_stays_where_nothing_new_is():
    log = Log(
        [
            memory("segment_alloc", 0, 20),
            memory("alloc", 0, 4),
            memory("free", 0, 4),
            command(1, "kernel", (0, 0), (1, 1, 1), name="poison", marker="poison"),
            memory("alloc", 0, 1),
        ]
    )
    holes = [(s.address, s.top, s.begin, s.end) for s in Heap(log, 0).of("poisoned")]
    assert holes == [(0, 4 * MiB, 1, 2), (MiB, 4 * MiB, 2, 3)]
    assert "freed and overwritten" in draw.memory(log).svg
    assert "overwritten" not in draw.memory(heap_log()).svg


def test_out_of_memory_is_a_step():
    log = Log([memory("segment_alloc", 0, 20), memory("alloc", 0, 20), memory("oom", None, 30)])
    picture = draw.memory(log)
    assert "out of memory: 30 MiB asked" in picture.text
    assert picture.text.split("\n")[3].strip() == "|      !!!!!!"
    drawing = Drawing(picture)
    assert drawing.find("no room")
    words = drawing.find("out of memory: 30 MiB asked")
    assert words.attributes["fill"] == palette.FAULT.strong
    dashed = [p for p in drawing.all("path") if p.get("stroke") == palette.FAULT.strong]
    assert len(dashed) == 1 and words.left < float(dashed[0].get("d").split()[0][1:]) <= words.right
    assert palette.FAULT.strong not in draw.memory(heap_log()).svg


def test_a_snapshot_is_one_step():
    block = {"address": 5 * 2**40, "size": 4 * MiB, "state": "active_allocated"}
    rest = {"address": 5 * 2**40 + 4 * MiB, "size": 16 * MiB, "state": "inactive"}
    segment = {"device": 0, "address": 5 * 2**40, "total_size": 20 * MiB, "stream": 3}
    snapshot = {"segments": [segment | {"blocks": [block, rest]}]}
    heap = Heap(of_snapshot(snapshot), 0)
    assert [(s.allocated, s.reserved) for s in heap.steps] == [(4 * MiB, 20 * MiB)]
    text = draw.memory(snapshot).text
    assert "4 MiB from 0 |aaaaaa" in text and "16 MiB from 4 MiB |......" in text


def test_the_rows_of_the_text_are_the_addresses():
    text = draw.memory(heap_log()).text.split("\n")
    rows = {row.partition("|")[0].strip(): row.partition("|")[2] for row in text if "|" in row}
    assert rows["4 MiB from 0"] == "a" * 12 + "." * 6 + "c" * 12 + "." * 18
    assert rows["8 MiB from 4 MiB"] == "." * 6 + "b" * 30 + "." * 12
    assert rows["2 MiB from 20 MiB"].strip() == "d" * 18 + "." * 6


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (512, "512 B"), (1536, "1.5 KiB"), (20 * MiB, "20 MiB"), (2**37, "128 GiB")],
)
def test_sizes_in_words(count, words):
    assert size(count) == words


@settings(max_examples=100)
@given(st.lists(st.integers(0, 2**37), min_size=2, max_size=60, unique=True).map(sorted))
def test_heights_rise_with_addresses_and_fill_the_strip(edges):
    scale = Heights(edges, bottom=500, height=300, least=20)
    heights = [scale.y(edge) for edge in edges]
    gaps = [low - high for low, high in itertools.pairwise(heights)]
    least = min(20, 300 / len(gaps))
    assert heights[0] == 500 and heights[-1] == pytest.approx(200)
    assert all(gap >= least - 1e-6 for gap in gaps)
    sizes = [b - a for a, b in itertools.pairwise(edges)]
    wide = [s / g for s, g in zip(sizes, gaps, strict=True) if g > least + 1e-6]
    assert all(one == pytest.approx(wide[0], rel=1e-6) for one in wide)  # true to scale


def freed_and_overwritten(size):
    """So many blocks of 1 MiB, one after the other; then each is freed and overwritten."""
    blocks = [(k % 4, k) for k in range(size)]
    records = [memory("segment_alloc", 0, size)]
    records += [memory("alloc", at, 1, stream=stream, time=at) for stream, at in blocks]
    for stream, at in blocks:
        records.append(memory("free", at, 1, stream=stream, time=size + at))
        records.append(command(at, "kernel", (0, stream), (size + at,) * 3, name="poison"))
    return Log(records)


@pytest.mark.parametrize("size", [150, 190, 6000])
def test_the_size_is_bounded(size):
    picture = draw.memory(freed_and_overwritten(size))
    assert len(picture.svg) < 200_000 and len(picture.text.split("\n")) < 120


def test_allocated_never_exceeds_reserved_on_the_real_device(lab):
    import torch

    with lab.record() as log:
        tensors = [torch.empty(count * MiB // 4, device="mtia") for count in (1, 3, 12, 30)]
        del tensors[1]
        kept = torch.ones(3 * MiB // 4, device="mtia") + 1
        torch.mtia.empty_cache()
    heap = Heap(log, 0)
    assert all(step.allocated <= step.reserved for step in heap.steps)
    assert heap.steps[-1].allocated == torch.accelerator.memory_allocated()
    assert heap.steps[-1].reserved == torch.accelerator.memory_reserved()
    assert draw.memory(log).text and kept is not None
    with lab.record() as log:
        tensors.clear()
    assert Heap(log, 0).steps[0].allocated == heap.steps[-1].allocated  # from before the log
