"""A contract clause by clause: which are kept, and of those that are not, what was seen instead."""

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from ..errors import WrongValue
from ..log.arguments import of_type, wrong
from . import palette, text
from .svg import MARGIN, WIDTH, Canvas, Look, Picture, Style, Swatch
from .text import text_width, wrap

TITLE = "PyTorch's contract for a guard, clause by clause"
# The words of the cards, where they occur; guards/runner.py defines them.
GLOSSARY = {
    r"\bA\b": "A is a stream of mtia:0.",
    r"\bC\b": "C is another stream of mtia:0.",
    r"\bB\b": "B is a stream of mtia:1.",
    r"\bcpp\.": "cpp.f calls the guard's f, or opens the scope of that name in C++.",
    r"\bcurrent\(\)": "current() asks the hooks: device, stream of mtia:0, stream of mtia:1.",
    r"\bkernel\(": "kernel(s, name) launches a kernel on s.",
    r"\blast\b": "last is the last device's index.",
    r"\bmissing\b": "missing is the index of a device that is not there.",
    r"\bran\b": "ran names the kernels that have run.",
    r"'latest'": "'latest' lets every kernel run as late as it may.",
    r"\bstream_priority\(": "stream_priority(s) asks the backend what priority s has.",
    r"\bwhen\(": "when(x, y) says whether x starts after y.",
    r"\bpause\(": "pause(f, ...) says whether f makes the host wait.",
    r"\braises\(": "raises(f, ...) says whether f raises.",
    r"\bin_thread\(": "in_thread(f, ...) calls f on a new thread.",
    r"\bSpy\b": "Spy is an autograd function whose backward writes into `seen` where it runs: "
    "thread, device, stream.",
}
COLUMNS = 3  # of methods
LABEL = 178  # room for a method's name
SQUARE, ROW = 13, 23
MOST_CARDS = 4  # drawn in full; the rest is named
MOST = 500  # outcomes
LINES, LETTERS = 40, 2000  # of a clause's code, and of what was seen
TAKES = "outcomes, such as those of a GuardReport,"
PRINTED = 8  # lines of what the guard printed


class Basis(Protocol):
    """What a clause rests on, in words; `kind` is "header", "caller" or "advice"."""

    @property
    def kind(self) -> str: ...


class Clause(Protocol):
    """A clause of a contract, as `guards` states it."""

    @property
    def basis(self) -> Basis: ...
    @property
    def method(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def sentence(self) -> str: ...
    @property
    def code(self) -> str: ...


@runtime_checkable
class Outcome(Protocol):
    """The outcome of a clause: "kept", "broken" or "not reached"."""

    @property
    def clause(self) -> Clause: ...
    @property
    def status(self) -> str: ...
    @property
    def expected(self) -> str: ...
    @property
    def seen(self) -> str: ...
    @property
    def raised(self) -> bool: ...


Outcomes = Sequence[Outcome]


class Sign(NamedTuple):
    """How a clause of one status is shown."""

    mark: str
    hue: palette.Hue
    words: str


LOOKS = {
    "kept": Sign("+", palette.GOOD, "kept"),
    "broken": Sign("X", palette.FAULT, "broken (a cross)"),
    "not reached": Sign(".", palette.Hue(palette.FAINT, palette.WHITE), "not reached (dashed)"),
}

PLAIN = Sign("", palette.Hue(palette.MUTED, palette.WHITE), "")
BASES = {"header": "PyTorch's header", "caller": "a caller relies on it", "advice": "advice"}


def clauses(outcomes: Outcomes, printed: str = "", *, title: str = TITLE) -> Picture:
    """A shape for each clause, in the row of the method that owes it, and a card for each fault.

    The shape says what the clause rests on. Clauses that break with one and the same error have one
    card, and a clause that was not reached has none: only its name, under the reason.

    Args:
        outcomes: each with `clause` (`method`, `key`, `sentence`, `basis`, `code`), `status`
            ("kept", "broken" or "not reached"), `expected`, `seen`, `raised` and `calls`.
        printed: what the guard wrote to standard output meanwhile.
        title: the message of the picture, which stands above it.

    Raises:
        ValueError: there are no outcomes, or more than 500.
        TypeError: they are none.
    """
    of_type(clauses, TAKES, outcomes, Sequence)
    if not all(isinstance(outcome, Outcome) for outcome in outcomes):
        raise wrong(clauses, TAKES, outcomes)
    if len(outcomes) > MOST:
        raise WrongValue(f"a picture has room for {MOST} outcomes, not for {len(outcomes):,}")
    if not outcomes:
        raise WrongValue("there are no outcomes to draw: did the guard compile?")
    broken = [outcome for outcome in outcomes if outcome.status == "broken"]
    unreached = [outcome for outcome in outcomes if outcome.status == "not reached"]
    c = Canvas()
    y = c.heading(title, _count(outcomes))
    y = _draw_methods(c, y, _by_method(outcomes))
    items = [(_sample(look, "header"), look.words) for look in LOOKS.values()]
    items += [(_sample(PLAIN, kind), words) for kind, words in _count_bases(outcomes).items()]
    y = c.legend(y + 8, items) + 24
    cards = _cards(broken)
    y = _draw_note(c, y - 14, _glossary([card[0] for card in cards[:MOST_CARDS]])) + 14
    for card in cards[:MOST_CARDS]:
        y = _draw_card(c, y, *card) + 10
    for note in _rest(cards, unreached):
        y = _draw_note(c, y, note)
    for line in _printed(printed):
        c.text(MARGIN, y + 14, line, size=12, mono=True, fit=WIDTH - 2 * MARGIN)
        y += 17
    return Picture(_to_text(title, outcomes, cards, unreached, printed), c.svg(y + MARGIN))


def _count(outcomes: Outcomes) -> str:
    counts = {status: sum(o.status == status for o in outcomes) for status in LOOKS}
    shown = [f"{count} {status}" for status, count in counts.items() if count or status == "kept"]
    return f"{len(outcomes)} clauses: {', '.join(shown)}"


def _count_bases(outcomes: Outcomes) -> dict[str, str]:
    """How many clauses rest on what."""
    kinds = [outcome.clause.basis.kind for outcome in outcomes]
    return {
        kind: f"{words} ({kinds.count(kind)})" for kind, words in BASES.items() if kind in kinds
    }


def _cards(broken: Outcomes) -> list[list[Outcome]]:
    """The faults; those with one and the same error are one."""
    cards: dict[str, list[Outcome]] = {}
    for outcome in broken:
        same = outcome.seen if outcome.raised else outcome.clause.key
        cards.setdefault(same, []).append(outcome)
    return list(cards.values())


def _by_method(outcomes: Outcomes) -> dict[str, list[Outcome]]:
    methods: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        methods.setdefault(outcome.clause.method, []).append(outcome)
    return methods


def _draw_methods(c: Canvas, y: float, methods: dict[str, list[Outcome]]) -> float:
    """The methods in columns, read downwards; returns the y below them."""
    rows = -(-len(methods) // COLUMNS)
    width = (WIDTH - 2 * MARGIN) / COLUMNS
    step = min(SQUARE + 3, (width - LABEL - 8) / max(map(len, methods.values())))
    size = min(SQUARE, step - 1.5)
    for k, (method, owed) in enumerate(methods.items()):
        x, top = MARGIN + width * (k // rows), y + ROW * (k % rows)
        broken = any(outcome.status == "broken" for outcome in owed)
        color = palette.FAULT.strong if broken else palette.INK
        c.text(x, top + 12, method, size=12, mono=True, bold=broken, color=color, fit=LABEL - 2)
        for place, outcome in enumerate(owed):
            tip = f"{outcome.clause.key}: {outcome.clause.sentence}"
            left = x + LABEL + step * place
            sign, basis = LOOKS[outcome.status], outcome.clause.basis
            _draw_shape(c, left, top + 1, size, sign, basis.kind, f"{tip} ({basis})")
    return y + ROW * rows


def _draw_shape(
    c: Canvas, x: float, y: float, size: float, sign: Sign, kind: str, tip: str | None = None
) -> None:
    """A square for the header, a circle for a caller, a diamond for advice."""
    look: Look = {"fill": sign.hue.pale, "stroke": sign.hue.strong}
    look["dash"] = "3 2" if sign.mark == "." else None
    y += (SQUARE - size) / 2
    if kind == "advice":
        half = size / 2
        corners = [(x + half, y), (x + size, y + half), (x + half, y + size), (x, y + half)]
        c.polygon(corners, tip, **look)
    else:
        look["radius"] = size / 2 if kind == "caller" else 2
        c.rect(x, y, size, size, tip, **look)
    if sign.mark == "X":
        _cross(c, x, y, size)


def _cross(c: Canvas, x: float, y: float, size: float) -> None:
    low, high = size / 4.5, size - size / 4.5
    for left, right in ((low, high), (high, low)):
        points = [(x + left, y + low), (x + right, y + high)]
        c.line(points, stroke=palette.FAULT.strong, width=1.8)


def _sample(sign: Sign, kind: str) -> Swatch:
    return lambda c, x, y: _draw_shape(c, x + 8, y, SQUARE, sign, kind)


def _draw_card(c: Canvas, y: float, outcome: Outcome, *others: Outcome) -> float:
    """What one fault is about, and which have the same error; returns the y below its card."""
    color = LOOKS[outcome.status].hue.strong
    room = WIDTH - 2 * MARGIN - 28
    code = outcome.clause.code.splitlines()[:LINES]
    said = wrap(_seen(outcome)[:LETTERS], room, 12.5, bold=True)
    expected = [f"expected {outcome.expected}"] if outcome.expected else []
    also = wrap(_also(others), room, 12.5) if others else []
    height = 49 + 17 * (len(code) + len(expected) + len(said) + len(also)) + 6
    c.rect(MARGIN, y, WIDTH - 2 * MARGIN, height, fill=palette.WHITE, stroke=palette.LINE)
    c.rect(MARGIN, y, 6, height, fill=color, radius=3)
    x = MARGIN + 18
    key = c.text(x, y + 20, outcome.clause.key, size=13, bold=True, mono=True, fit=room / 2)
    c.text(x + key + 12, y + 20, outcome.clause.sentence, size=12.5, fit=room - key - 12)
    y += 37
    c.text(x, y, str(outcome.clause.basis), size=12, color=palette.MUTED, fit=room)
    y += 4
    for line in code:
        y += 17
        inset = len(line) - len(line.lstrip())  # SVG has no leading spaces
        style: Style = {"size": 12, "mono": True, "color": palette.MUTED, "fit": room}
        c.text(x + text_width(" " * inset, 12, mono=True), y, line.lstrip(), **style)
    for line in expected:
        y += 17
        c.text(x, y, line, size=12.5, fit=room)
    for line in said:
        y += 17
        c.text(x, y, line, size=12.5, bold=True, color=color, fit=room)
    for line in also:
        y += 17
        c.text(x, y, line, size=12.5, fit=room)
    return y + 14


def _draw_note(c: Canvas, y: float, note: str) -> float:
    """A paragraph in small letters; returns the y of its last line."""
    for line in wrap(note, WIDTH - 2 * MARGIN, 12) if note else ():
        c.note(y + 14, line)
        y += 17
    return y


def _glossary(shown: Outcomes) -> str:
    """What the words mean that stand on these cards."""
    cards = "\n".join(f"{o.clause.code}\n{o.expected}\n{o.seen}" for o in shown)
    return " ".join(words for pattern, words in GLOSSARY.items() if re.search(pattern, cards))


def _seen(outcome: Outcome) -> str:
    return f"saw {outcome.seen}" if outcome.expected else outcome.seen


def _also(others: Outcomes) -> str:
    return f"The same in {', '.join(other.clause.key for other in others)}."


def _rest(cards: Sequence[Outcomes], unreached: Outcomes) -> list[str]:
    """The faults for whose cards there is no room; those not reached by the reason."""
    rest = [outcome.clause.key for card in cards[MOST_CARDS:] for outcome in card]
    reasons: dict[str, list[str]] = {}
    for outcome in unreached:
        reasons.setdefault(outcome.seen, []).append(outcome.clause.key)
    notes = [f"And {len(rest)} more: {', '.join(rest)}."] if rest else []
    return notes + [f"Not reached ({why}): {', '.join(keys)}." for why, keys in reasons.items()]


def _printed(printed: str) -> list[str]:
    lines = [f"  {line}" for line in printed.splitlines()]
    if len(lines) > PRINTED:
        lines[PRINTED:] = [f"  and {len(lines) - PRINTED} more lines"]
    return ["The guard printed:", *lines] if lines else []


def _to_text(
    title: str, outcomes: Outcomes, cards: Sequence[Outcomes], unreached: Outcomes, printed: str
) -> str:
    cells = [
        f"{text.cut(method, 24)} {''.join(LOOKS[outcome.status].mark for outcome in owed)}"
        for method, owed in _by_method(outcomes).items()
    ]
    rows = -(-len(cells) // COLUMNS)
    columns = [cells[start : start + rows] for start in range(0, len(cells), rows)]
    shown = cards[:MOST_CARDS]
    faults = [line for card in shown for line in _card_text(*card)]
    rest = [line for note in _rest(cards, unreached) for line in ("", *text.paragraph(note))]
    output = [text.cut(line, text.COLUMNS) for line in ["", *_printed(printed)]]
    head = [f"{title}: {_count(outcomes)}", ""]
    note = text.paragraph(_glossary([card[0] for card in shown])) if shown else []
    key = ["", "+ kept   X broken   . not reached", "   ".join(_count_bases(outcomes).values())]
    return text.page(head, text.beside(columns), [*key, *note], faults, rest, output)


def _card_text(outcome: Outcome, *others: Outcome) -> list[str]:
    mark = LOOKS[outcome.status].mark
    head = text.paragraph(f"{mark} {outcome.clause.key}: {outcome.clause.sentence}", "    ")
    code = [f"    {text.cut(line, 94)}" for line in outcome.clause.code.splitlines()[:LINES]]
    expected = [f"    expected {text.cut(outcome.expected, 85)}"] if outcome.expected else []
    seen = text.paragraph(f"    {_seen(outcome)[:LETTERS]}", "        ")
    basis = text.paragraph(f"    ({outcome.clause.basis})", "    ")
    also = text.paragraph(f"    {_also(others)}", "    ") if others else []
    return ["", *head, *basis, *code, *expected, *seen, *also]
