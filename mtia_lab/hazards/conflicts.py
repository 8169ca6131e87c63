"""What may come in either order: all pairs of uses that nothing orders, and the orders they leave.

The checker forgets a use as soon as a later one stands for it. Here none is forgotten, so this is
for small programs. Two orders in which no such pair is turned round give the same values: they are
one and the same here (W. Mazurkiewicz, "Concurrent program schemes", 1977).
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from ..log.log import Log
from ..log.records import PINNED, POISON, Access, Call, Command, Host, Memory
from ..log.replay import Blocks, Span
from .memory_map import overlap
from .order import Stream
from .sequence import Learned, in_order

Step = Command | Host  # of the host: it enqueues a command, or uses pinned memory


@dataclass(slots=True, eq=False)
class _Use:
    """A point's use of memory; over once no later use of the same addresses can meet it."""

    point: int
    access: Access
    is_write: bool
    over: bool = False


class Conflicts:
    """The points of a program, what orders them, and the pairs of them that conflict.

    The host's step k, counted from 1, is point 2k; a command that it enqueues runs at point 2k + 1.
    Sets of points are whole numbers, a bit for each.

    Args:
        log: of the program, recorded with `host=True`.

    Attributes:
        steps: of the host, in order; what stands for poison of pinned memory is none.
        pairs: (earlier, later) points, as they are enqueued.
    """

    def __init__(self, log: Log) -> None:
        self.steps: list[Step] = []
        self.pairs: list[tuple[int, int]] = []
        self._before: dict[int, int] = {}  # of each point, all that comes before it in any order
        self._uses: defaultdict[int, list[_Use]] = defaultdict(list)  # by device
        self._given: defaultdict[Stream, list[int]] = defaultdict(list)  # points of each stream
        self._known = 0  # what the host knows to have run
        self._points: dict[int, int] = {}  # by the command's id
        self._blocks, self._newest = Blocks(log.initial_memory), 0
        for record in in_order(log):
            if isinstance(record, Command | Host):
                self._add(record)
            elif isinstance(record, Memory):
                self._on_memory(record)
            elif isinstance(record, Learned):
                self._learn(record.call)

    def _add(self, step: Step) -> None:
        if step.marker == POISON and isinstance(step, Host):
            return
        self.steps.append(step)
        point = 2 * len(self.steps)
        self._before[point] = self._known | self._through(point - 2)
        if isinstance(step, Command):
            stream, point = (step.device, step.stream), point + 1
            self._points[step.id] = point
            sources = [self._points[id] for id in step.after if id in self._points]
            before = 0
            for source in (point - 1, *self._given[stream][-1:], *sources):
                before |= self._through(source)
            self._before[point] = before
            self._given[stream].append(point)
            self._newest = step.id
        accesses = [*((a, False) for a in step.reads), *((a, True) for a in step.writes)]
        if isinstance(step, Host):  # what it asks of a device's memory, a command brings
            accesses = [use for use in accesses if use[0].device == PINNED]
        self._use([_Use(point, access, is_write) for access, is_write in accesses])

    def _through(self, point: int) -> int:
        """A point and all before it."""
        return self._before[point] | 1 << point if point in self._before else 0

    def _use(self, uses: list[_Use]) -> None:
        met = [
            (old, new)
            for new in uses
            for old in self._uses[new.access.device]
            if (old.is_write or new.is_write) and overlap(old.access, new.access)
        ]
        for old, new in met:
            if old.over:  # its block was given away again only since it was over
                self._before[new.point] |= self._through(old.point)
        pairs = {(old.point, new.point) for old, new in met}
        self.pairs += sorted(p for p in pairs if not self._before[p[1]] >> p[0] & 1)
        for use in uses:
            self._uses[use.access.device].append(use)

    def _learn(self, call: Call) -> None:
        for known in call.synchronized:
            for (device, stream), points in self._given.items():
                if device == known.device and known.stream in (None, stream):
                    done = [p for p in points if self._command(p).id <= known.command]
                    self._known |= self._through(done[-1]) if done else 0

    def _command(self, point: int) -> Command:
        step = self.steps[point // 2 - 1]
        assert isinstance(step, Command)
        return step

    def _on_memory(self, record: Memory) -> None:
        block = self._blocks.apply(record, self._newest)
        if record.action == "record_stream" and block is None:
            self._blocks.use(self._blocks.add(record, 0), record, self._newest)
        elif block is not None and record.action == "free":
            waited = 0
            for _, user in block.users:
                waited |= self._through(self._given[user][-1]) if self._given[user] else 0
            self._end(block, waited)
        elif block is not None and record.action == "segment_free":
            self._end(block, -1)

    def _end(self, block: Span, waited: int) -> None:
        """Whoever gets a block next comes after what its allocator waits for."""
        for use in self._uses[block.device]:
            access = use.access
            inside = access.address < block.top and block.address < access.address + access.bytes
            use.over = use.over or (inside and bool(waited >> use.point & 1))

    def orders(self) -> Iterator["Order"]:
        """One order for each way in which the pairs can be turned round, the fewest turns first.

        Any of them can be reached from the program's own by turning one pair at a time, none of
        them twice: of a pair that is next to one another in some order, nothing else has to move.
        """
        seen, ahead = {0}, deque([0])
        while ahead:
            turned = ahead.popleft()
            sources = self._sources(turned)
            order = self._order(turned, sources)
            yield order
            for k in self._turnable(turned, sources, order.points):
                if (more := turned | 1 << k) not in seen:
                    seen.add(more)
                    ahead.append(more)

    def _sources(self, turned: int) -> dict[int, set[int]]:
        """What each point comes after: what it always does, and by how the pairs are turned."""
        sources = {
            point: {earlier for earlier in self._before if before >> earlier & 1}
            for point, before in self._before.items()
        }
        for k, (first, second) in enumerate(self.pairs):
            if turned >> k & 1:
                first, second = second, first
            sources[second].add(first)
        return sources

    def _order(self, turned: int, sources: dict[int, set[int]]) -> "Order":
        """The points in an order, each as soon after its step as it can be."""
        missing = {point: len(earlier) for point, earlier in sources.items()}
        followers: defaultdict[int, list[int]] = defaultdict(list)
        for point, earlier in sources.items():
            for source in earlier:
                followers[source].append(point)
        free = [point for point, count in missing.items() if not count]
        heapify(free)
        points: list[int] = []
        while free:
            points.append(heappop(free))
            for later in followers[points[-1]]:
                missing[later] -= 1
                if not missing[later]:
                    heappush(free, later)
        pairs = [pair for k, pair in enumerate(self.pairs) if turned >> k & 1]
        named = [(self._step(late), self._step(early)) for early, late in pairs]
        return Order(tuple(points), tuple(named), tuple(self.steps))

    def _step(self, point: int) -> Step:
        return self.steps[point // 2 - 1]

    def _turnable(
        self, turned: int, sources: dict[int, set[int]], points: Sequence[int]
    ) -> Iterator[int]:
        """The pairs whose sides nothing else keeps in their order."""
        before: dict[int, int] = {}
        for point in points:
            before[point] = 0
            for source in sources[point]:
                before[point] |= before[source] | 1 << source
        for k, (first, second) in enumerate(self.pairs):
            if not turned >> k & 1:
                others = sources[second] - {first}
                if not any(before[other] >> first & 1 for other in others):
                    yield k


@dataclass(frozen=True)
class Order:
    """One order of a program.

    Attributes:
        points: see `Conflicts`.
        turned: the pairs that run in another order than they were enqueued in: the one that is
            first now, and the other one.
        steps: those of the host.
    """

    points: tuple[int, ...]
    turned: tuple[tuple[Step, Step], ...]
    steps: tuple[Step, ...]

    @property
    def commands(self) -> list[Command]:
        """The commands in this order."""
        steps = (self.steps[point // 2 - 1] for point in self.points if point % 2)
        return [step for step in steps if isinstance(step, Command)]

    @property
    def schedule(self) -> str:
        """What has a program run in this order: `mtia_lab.trial(program, schedule=...)`."""
        numbers = {id(c): k for k, c in enumerate(filter(_is_command, self.steps), 1)}
        step, on_time, late = 0, False, []
        for point in self.points:
            if point % 2 == 0:
                step, on_time = point // 2, True
                continue
            if not on_time or point // 2 != step:
                late.append(f"{numbers[id(self.steps[point // 2 - 1])]}@{step}")
            on_time = False
        return f"order:{','.join(late)}"


def _is_command(step: Step) -> bool:
    return isinstance(step, Command)
