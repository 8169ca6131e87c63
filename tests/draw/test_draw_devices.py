"""The grid of devices: each copy is counted where it went."""

import pytest
from drawings import Drawing, command, shuttle
from test_draw import assert_words_have_room

from mtia_lab import draw
from mtia_lab.log.log import Log


def arrows(drawing):
    """The ends of each arrow's line, as ((x, y), (x, y)), without its head's last pixels."""
    lines = []
    for path in drawing.all("path"):
        points = [tuple(map(float, part.split())) for part in path.get("d")[1:].split(" L")]
        lines.append((points[0], points[-1]))
    return lines


def box(drawing, name):
    """The smallest rectangle round a name."""
    text = drawing.find(name)
    holding = [box for box in drawing.rects if box.holds(text.left, text.top)]
    return min(holding, key=lambda box: box.right - box.left)


def test_each_arrow_leads_from_where_the_data_were_to_where_they_went():
    drawing = Drawing(draw.devices(shuttle()))
    host, first, second = (box(drawing, n) for n in ("memory of the host", "mtia:0", "mtia:1"))
    found = []
    for (x1, y1), (x2, y2) in arrows(drawing):
        names = []
        for x, y, reach in ((x1, y1, 0.1), (x2, y2, 9)):
            near = [
                name
                for name, b in (("host", host), ("0", first), ("1", second))
                if b.left <= x <= b.right and min(abs(y - b.top), abs(y - b.bottom)) <= reach
            ]
            names.append(*near)
        found.append("".join(names))
    assert sorted(found) == ["01", "0host", "10", "1host", "host0", "host1"]


def test_copies_and_bytes_are_added_up():
    twice = Log([*shuttle(), *shuttle()])
    picture = draw.devices(twice)
    rows = [line.split() for line in picture.text.split("\n") if "--->" in line]
    assert [row[0] + row[2] for row in rows] == [
        *("hostmtia:0", "hostmtia:1", "mtia:0host", "mtia:0mtia:1"),
        *("mtia:1host", "mtia:1mtia:0"),
    ]
    assert [" ".join(row[3:]) for row in rows] == [
        f"2 copies, {2 * 2 * k} KiB" for k in (1, 4, 2, 3, 5, 6)
    ]
    drawing = Drawing(picture)
    assert all(drawing.find(" ".join(row[3:])) for row in rows)


def test_a_device_is_busy_while_at_least_one_kernel_runs():
    spans = [(0, 10), (5, 20), (30, 40), (32, 35)]
    kernels = [command(k, "kernel", (0, k), (0, *s), name="k") for k, s in enumerate(spans)]
    picture = draw.devices(Log(kernels, {0: (0, 0, 0)}))
    assert "4 kernels, busy for 30 us" in picture.text and "no kernel" in picture.text
    drawing = Drawing(picture)
    assert drawing.find("4 kernels, busy for 30 \u00b5s") and drawing.find("stream 3")


def test_no_two_arrows_run_into_each_other():
    ends = [x for line in arrows(Drawing(draw.devices(shuttle(4)))) for x in {p[0] for p in line}]
    assert len(ends) == len(set(ends)) == 8 + 2 * 8  # to and from the host; between neighbors


@pytest.mark.parametrize("count", range(1, 9))
def test_words_have_room_with_any_number_of_devices(count):
    assert_words_have_room(draw.devices(shuttle(count)))
