"""The wiring from Python to the device: module, hooks, guard, dispatcher, simulator."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..errors import WrongValue
from ..log.arguments import of_type
from . import palette, svg, text
from .svg import MARGIN, WIDTH, Canvas, Look, Picture, Style

TITLE = "Who answers when Python asks for the device"
PANEL = (WIDTH - 2 * MARGIN - 20) / 2
INSET = 18
COLUMN = 108  # three columns of boxes in a panel, 18 pixels apart
BOX = 46  # height of a box
ROWS = (46, 136, 226)  # tops of the rows of boxes, from the top of the panel
QUESTIONS = 40
FLOOR = 316  # top of the simulator


Facts = Mapping[str, Any]


class Part(NamedTuple):
    """A box of the panel: its column and row, its note, and the indent of its left edge."""

    column: int
    row: int
    note: str
    indent: float = 0


PARTS = {
    "x + x": Part(0, 0, "an operator"),
    "torch.Stream": Part(1, 0, "torch.accelerator"),
    "torch.mtia": Part(2, 0, "Python module"),
    "dispatcher": Part(0, 1, "picks a kernel"),
    "guard": Part(1, 1, "one door"),
    "hooks": Part(2, 1, "the other door"),
    "kernels": Part(0, 2, "for mtia tensors"),
    "generator": Part(2, 2, "random bits", 22),  # leaves room for the wire from hooks to the state
}
WIRES = (
    ("x + x", "dispatcher"),
    ("torch.Stream", "guard"),
    ("torch.mtia", "hooks"),
    ("dispatcher", "kernels"),
    ("hooks", "generator"),
    ("kernels", "simulator"),
    ("guard", "simulator"),
    ("hooks", "simulator"),
)
OF_TORCH = ("x + x", "torch.Stream", "torch.mtia", "dispatcher")  # there before any backend


def wiring(before: Facts, after: Facts, *, title: str = TITLE) -> Picture:
    """The same wiring before and after `mtia_lab.load()`, with what is missing dashed and gray.

    Args:
        before, after: measured facts. `"torch.mtia"`, `"hooks"`, `"guard"`, `"generator"`,
            `"dispatcher"`, `"kernels"`, `"simulator"` say whether a part is there (those left
            out: torch's own are, a backend's are not, the simulator is if a door leads to it). Any
            other entry is shown below as an expression and its answer.
        title: the message of the picture, which stands above it.

    Raises:
        ValueError: there are more than 40 of the others.
        TypeError: they are no mappings.
    """
    for facts in (before, after):
        of_type(wiring, 'measured facts, such as {"hooks": True}, twice', facts, Mapping)
    stages = {"before load": dict(before), "after load": dict(after)}
    questions = [key for facts in stages.values() for key in facts if not _is_part(key)]
    questions = list(dict.fromkeys(questions))
    if len(questions) > QUESTIONS:
        raise WrongValue(f"wiring() has room for {QUESTIONS} questions, not for {len(questions)}")
    c = Canvas()
    y = c.heading(title, "Hooks and guard are two doors to one state in the simulator")
    height = FLOOR + 92 + (16 + 24 * len(questions) if questions else 0)
    for k, (name, facts) in enumerate(stages.items()):
        x = MARGIN + k * (PANEL + 20)
        c.rect(x, y, PANEL, height, fill=palette.PANEL, stroke=palette.LINE, radius=12)
        c.text(x + INSET, y + 28, name, size=15, bold=True)
        _draw_panel(c, x + INSET, y, _present(facts))
        _draw_answers(c, x + INSET, y + FLOOR + 92, questions, facts)
    items = [
        (svg.box(palette.WHITE, palette.INK), "part of torch"),
        (svg.box(palette.DOOR.pale, palette.DOOR.strong), "part of the backend"),
        (svg.box(palette.WHITE, palette.FAINT, dash="5 4"), "missing (dashed)"),
        (svg.arrow(palette.INK), "calls"),
        (svg.arrow(palette.FAINT, dash="4 4"), "leads nowhere (dashed)"),
    ]
    y = c.legend(y + height + 18, items)
    return Picture(_to_text(title, stages, questions), c.svg(y + MARGIN))


def _is_part(key: str) -> bool:
    return key in PARTS or key == "simulator"


def _present(facts: Facts) -> dict[str, bool]:
    there = {part: bool(facts.get(part, part in OF_TORCH)) for part in PARTS}
    there["simulator"] = bool(facts.get("simulator", there["guard"] or there["hooks"]))
    return there


def _place(part: str) -> tuple[float, float, float]:
    """Left, top and width of a part's box, from the inner corner of the panel."""
    column, row, _, indent = PARTS[part]
    return column * (COLUMN + 18) + indent, ROWS[row], COLUMN - indent


def _draw_panel(c: Canvas, x: float, y: float, there: Mapping[str, bool]) -> None:
    _draw_simulator(c, x, y + FLOOR, there["simulator"])
    for source, target in WIRES:
        left, top, width = _place(source)
        middle = left + width / 2
        if (source, target) == ("hooks", "simulator"):
            middle = left + 10
        elif target == "generator":
            middle = _place(target)[0] + _place(target)[2] / 2
        # The doors lead on, into the state; kernels only hand their work to the simulator.
        end: float = FLOOR + (34 if source in ("guard", "hooks") else 0)
        if target != "simulator":
            end = _place(target)[1]
        live = there[source] and there[target]
        color, dash = (palette.INK, None) if live else (palette.FAINT, "4 4")
        begin = y + top + BOX
        c.arrow([(x + middle, begin), (x + middle, y + end - 1)], stroke=color, dash=dash)
    for part, (_, _, note, _) in PARTS.items():
        left, top, width = _place(part)
        look = _look(there[part], part in OF_TORCH, radius=8)
        c.rect(x + left, y + top, width, BOX, **look)
        color = palette.INK if there[part] else palette.MUTED
        words = note if there[part] else "missing"
        mono = part in OF_TORCH and part != "dispatcher"
        middle, room = x + left + width / 2, width - 8
        below: Style = {"size": 12, "color": palette.MUTED, "anchor": "middle", "fit": room}
        above: Style = {**below, "size": 12.5, "color": color, "bold": True, "mono": mono}
        c.text(middle, y + top + 20, part, **above)
        c.text(middle, y + top + 37, words, **below)


def _look(there: bool, of_torch: bool, radius: float) -> Look:
    if not there:
        missing: Look = {"fill": palette.WHITE, "stroke": palette.FAINT, "dash": "5 4"}
        return {**missing, "width": 1.4, "radius": radius}
    if of_torch:
        return {"fill": palette.WHITE, "stroke": palette.INK, "radius": radius}
    hue = palette.DOOR
    return {"fill": hue.pale, "stroke": hue.strong, "width": 1.6, "radius": radius}


def _draw_simulator(c: Canvas, x: float, y: float, there: bool) -> None:
    width = 3 * COLUMN + 36
    c.rect(x, y, width, 78, **_look(there, False, radius=10))
    color = palette.INK if there else palette.MUTED
    c.text(x + 14, y + 34, "simulator", size=13, bold=True, color=color, fit=COLUMN - 10)
    note = "devices, clock" if there else "missing"
    c.text(x + 14, y + 52, note, size=12, color=palette.MUTED, fit=COLUMN - 10)
    left = x + COLUMN + 18
    inner = width - COLUMN - 18 - 12
    c.rect(left, y + 34, inner, 34, **_look(there, True, radius=17))
    words = "one state (device, streams)" if there else "no state"
    c.text(left + inner / 2, y + 55, words, size=12, anchor="middle", color=color, fit=inner - 16)


def _draw_answers(c: Canvas, x: float, y: float, questions: Iterable[str], facts: Facts) -> None:
    width = 3 * COLUMN + 36
    for question in questions:
        c.line([(x, y), (x + width, y)], stroke=palette.LINE, width=1)
        c.text(x, y + 17, question, size=12, mono=True, color=palette.MUTED, fit=width * 0.62)
        answer = str(facts.get(question, "not asked"))
        room, right = width * 0.36, x + width
        c.text(right, y + 17, answer, size=12, mono=True, bold=True, anchor="end", fit=room)
        y += 24


def _to_text(title: str, stages: Mapping[str, Facts], questions: Sequence[str]) -> str:
    blocks = []
    for name, facts in stages.items():
        there = _present(facts)
        block = [name, ""]
        for row in range(3):
            cells, wires = ["", "", ""], ["", "", ""]
            for part, spec in PARTS.items():
                if spec.row == row:
                    cells[spec.column] = f"[{part}]" if there[part] else f"({part})"
            for source, target in WIRES:
                column = PARTS[source].column
                ends = PARTS[target].row if target in PARTS else 3
                if PARTS[source].row <= row < ends:
                    wires[column] += " |" if there[source] and there[target] else " :"
            block.append("".join(f"{cell:^15}" for cell in cells).rstrip())
            block.append("".join(f"{wire:^15}" for wire in wires).rstrip())
        inside = "simulator: one state" if there["simulator"] else "simulator: missing"
        block += text.frame([inside], 45, dashed=not there["simulator"])
        for question in questions:
            answer = text.cut(facts.get(question, "not asked"), 16)
            block.append(f"{text.cut(question, 27):<28} {answer}")
        blocks.append(block)
    key = "[x] there   (x) missing   | calls   : leads nowhere"
    return text.page(title, "", text.beside(blocks, 4), "", key)
