"""What the reader's program calls its streams and events, read off the lines that use them.

The log knows that a line gave something to stream 7, and the line's source says
`self.copying.wait_event(done)`: so that is what stream 7 is called there. Sources are looked at
once there is a finding to put in words. While a program is recorded nothing of it is, and no object
of the reader's is kept or asked for its name.

A name may be used at another line if it is the same variable there, bound at one place, and stood
for the same stream wherever the log saw it.
"""

import ast
from collections import defaultdict
from collections.abc import Callable
from functools import cached_property

from ..log.lines import written
from ..log.log import Log
from ..log.records import Call, Command, Host
from .finding import place
from .order import Stream
from .source import Place, Scope, Source, root_of, steps

# Of a call in the log and a method in the source: which argument the stream is, -1 the object.
_PARTS = {
    ("exchangeStream", "set_stream"): 0,
    ("exchangeStream", "stream"): 0,
    ("setCurrentStream", "set_stream"): 0,
    ("setCurrentStream", "stream"): 0,
    ("block", "wait_stream"): -1,
    ("block", "wait_event"): -1,
    ("block", "wait"): 0,
    ("record", "record_event"): -1,
    ("record", "wait_stream"): 0,
    ("record", "record"): 0,
    ("synchronizeStream", "synchronize"): -1,
    ("queryStream", "query"): -1,
}
_WITH = ("exchangeStream", "setCurrentStream")  # how `with stream:` enters, and leaves

Variable = tuple[Scope, str]  # whose it is, and the expression


class Names:
    """What streams and events are called at lines of the program that a log is of."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._sources: dict[str, Source] = {}
        self._switching: set[str] = set()  # lines at which another stream becomes the current one
        self._entered: set[tuple[str, int, str, Stream]] = set()  # file, line, expression
        self._seen: defaultdict[Variable, set[Stream]] = defaultdict(set)
        self._first: dict[Stream, tuple[str, str]] = {}  # an expression, and at which line

    def stream(self, stream: Stream, site: str | None, user: Command | Host | None = None) -> str:
        """What to call a stream at a line.

        Args:
            stream: which.
            site: the line; None if it is none of the reader's.
            user: what is done at that line, if that is on the stream.
        """
        if site is None or not (text := self._known(stream, site, user)):
            return name_of(stream)
        return text

    def _known(self, stream: Stream, site: str, user: Command | Host | None) -> str:
        seen, (file, here) = self._observed, self._where(site)
        call = _gave(stream, site, user)
        if call is not None:
            for line, text in reversed(here.blocks):
                if (file, line, text, stream) in self._entered and _is_plain(text):
                    return text
        texts = [
            text
            for (scope, text), streams in seen.items()
            if streams == {stream} and _is_bound_once(scope, text, here, _line(site))
        ]
        if texts:
            return min(texts, key=lambda text: (len(text), text))
        if call is None or not self._stays(site):
            return ""
        return _current(stream, self._states.get(call))

    def in_loop(self, site: str | None) -> bool:
        """Whether a line is in a loop of its function."""
        return site is not None and self._where(site)[1].in_loop

    def event(self, site: str, waits: str | None) -> tuple[str, str]:
        """What the event that is recorded at a line is called there, and at the line that waits.

        Either is "" if it cannot be known.
        """
        file, here = self._where(site)
        found = [e for e in map(self._event_of(file), self._calls(site)) if e is not None]
        if len(found) != 1:
            return "", ""
        text = ast.unparse(found[0])
        root = root_of(text)
        if waits is None or not _is_plain(text):
            return text, ""
        there, scope = self._where(waits)[1], here.scope.owner(root)
        known = _is_bound_once(scope, text, there, _line(waits))
        if known and there.scope is scope:
            known = not self._is_renewed(file, scope.lines.get(root, 0), site, waits)
        return text, text if known else ""

    def _is_renewed(self, file: str, bound: int, site: str, waits: str) -> bool:
        """Whether a variable is bound anew, at its line, between one line and another."""
        if _line(site) < _line(waits):
            return _line(site) < bound
        source = self._source(file)  # it is the next turn of a loop
        return source.places.get(bound, source.module).in_loop

    def legend(self, *streams: tuple[Stream, str]) -> str:
        """Which streams some names mean."""
        named = dict.fromkeys((s, text) for s, text in streams if not text.endswith(")"))
        return ", ".join(f"{text} is {place(s)}{self._elsewhere(s, text)}" for s, text in named)

    def _elsewhere(self, stream: Stream, text: str) -> str:
        """What a stream is called at another line, if it has no name at the one in question."""
        if text != name_of(stream) or stream not in self._first:
            return ""
        there, site = self._first[stream]
        return f", `{there}` of line {written(site)}" if there != text else ""

    # --- what the log and the sources say -------------------------------------------------------

    def _source(self, file: str) -> Source:
        if file not in self._sources:
            self._sources[file] = Source(file)
        return self._sources[file]

    def _where(self, site: str) -> tuple[str, Place]:
        file = site.rpartition(":")[0]
        source = self._source(file)
        return file, source.places.get(_line(site), source.module)

    def _calls(self, site: str) -> list[ast.Call]:
        return self._source(site.rpartition(":")[0]).calls[_line(site)]

    @cached_property
    def _states(self) -> dict[int | None, tuple[int, ...]]:
        return {call.id: call.state for call in self._log.calls}

    @cached_property
    def _observed(self) -> dict[Variable, set[Stream]]:
        """Of each expression, all streams that it stood for."""
        inside: defaultdict[int, list[tuple[str, Stream]]] = defaultdict(list)
        current: dict[int, tuple[int, ...]] = dict(self._log.initial_state)
        for call in self._log.calls:
            if call.stream is not None and call.site is not None:
                left = call.name in _WITH and self._leaves(call, inside[call.thread], current)
                if not left and (text := self._text_of(call, call.site)) is not None:
                    self._observe(call.stream, call.site, text)
            current[call.thread] = call.state
        return self._seen

    def _leaves(
        self,
        call: Call,
        inside: list[tuple[str, Stream]],
        current: dict[int, tuple[int, ...]],
    ) -> bool:
        """Whether a `with` is left, and not entered; what was current goes with each."""
        assert call.site is not None and call.stream is not None
        self._switching.add(call.site)
        if inside and inside[-1] == (call.site, call.stream):
            inside.pop()
            return True
        device = call.stream[0]
        state = current.get(call.thread, ())
        inside.append((call.site, (device, state[1 + device] if len(state) > 1 + device else 0)))
        return False

    def _text_of(self, call: Call, site: str) -> str | None:
        """The one expression at a line that can be the stream of a call."""
        file = site.rpartition(":")[0]
        found = {text for node in self._calls(site) if (text := _part(call.name, node))}
        if call.name in _WITH:
            found |= {ast.unparse(e) for e in self._source(file).blocks[_line(site)]}
            found = {text for text in found if _is_plain(text)}
        return found.pop() if len(found) == 1 else None

    def _observe(self, stream: Stream, site: str, text: str) -> None:
        file, here = self._where(site)
        self._entered.add((file, _line(site), text, stream))
        self._first.setdefault(stream, (text, site))
        if _is_plain(text):
            root = root_of(text)
            self._seen[here.scope.owner(root), text].add(stream)

    def _stays(self, site: str) -> bool:
        """Whether the stream that is current within a line is so before it, too."""
        _ = self._observed
        return site not in self._switching

    def _event_of(self, file: str) -> Callable[[ast.Call], ast.expr | None]:
        targets = self._source(file).targets

        def event(node: ast.Call) -> ast.expr | None:
            method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if method == "record" and isinstance(node.func, ast.Attribute):
                return node.func.value
            if method != "record_event":
                return None
            return node.args[0] if node.args else targets.get(node)

        return event


def name_of(stream: Stream) -> str:
    """What a fix calls a stream that no name is known of: it is named after its id."""
    device, number = stream
    if number == 0:
        return f"torch.mtia.default_stream({device})"
    return f"s{number}" if device == 0 else f"mtia{device}_s{number}"


def _gave(stream: Stream, site: str, user: Command | Host | None) -> int | None:
    """The call in which a line gave a command to a stream; None if that is not what it did."""
    if not isinstance(user, Command) or user.site != site:
        return None
    return user.call or 0 if (user.device, user.stream) == stream else None


def _line(site: str) -> int:
    """The number of a line; 0 of what is named otherwise."""
    number = site.rpartition(":")[2]
    return int(number) if number.isascii() and number.isdigit() else 0


def _part(name: str, node: ast.Call) -> str | None:
    if not isinstance(node.func, ast.Attribute):
        return None
    part = _PARTS.get((name, node.func.attr))
    if part is None or part >= len(node.args):
        return None
    return ast.unparse(node.func.value if part < 0 else node.args[part])


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _is_plain(text: str) -> bool:
    """Whether it is a name, or what is got from one by attributes and constant indices."""
    return any(True for _ in steps(_expression(text)))


def _is_bound_once(scope: Scope, text: str, here: Place, line: int) -> bool:
    """Whether an expression means at a line what it means where `scope` binds it."""
    parts = [ast.unparse(step) for step in steps(_expression(text))]
    if here.scope.owner(parts[0]) is not scope:
        return False
    if any(scope.bound[part] > 1 for part in parts):
        return False
    return here.scope is not scope or scope.lines.get(parts[0], 0) <= line


def _current(stream: Stream, state: tuple[int, ...] | None) -> str:
    """What is current, if that is the stream; "" if not."""
    device, number = stream
    if state is None or len(state) <= 1 + device or state[1 + device] != number:
        return ""
    return f"torch.accelerator.current_stream({'' if state[0] == device else device})"
