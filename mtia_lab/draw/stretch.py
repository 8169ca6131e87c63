"""A time axis that gives every stretch of time its room, short or long, and keeps the order."""

from bisect import bisect_right
from collections.abc import Iterable


class Stretch:
    """Maps times onto positions from ``left`` to ``right``: in order, but not in proportion.

    Args:
        spans: ``(start, finish)`` of what is to be seen. Between two neighboring times of these,
            positions are in proportion; how much room such a stretch gets depends little on how
            long it lasts.
        left, right: the room there is.
        wide: those of the spans that need more room than others.
    """

    def __init__(self, spans: Iterable, left: float, right: float, wide: Iterable = ()) -> None:
        spans, wide = list(spans), list(wide)
        self.times = sorted({time for span in spans for time in span}) or [0.0]
        gaps = [b - a for a, b in zip(self.times, self.times[1:], strict=False)]
        middle = sorted(gaps)[len(gaps) // 2] if gaps else 1.0
        weights = []
        for start, gap in zip(self.times, gaps, strict=False):
            busy = any(a <= start < b for a, b in spans)
            named = any(a <= start < b for a, b in wide)
            room = 3.0 if named else 1.6 if busy else 1.0
            weights.append(room * min(max(gap / middle, 0.7), 2.0))
        margin = (right - left) * 0.04
        unit = (right - left - 2 * margin) / (sum(weights) or 1.0)
        self.places = [left + margin]
        for weight in weights:
            self.places.append(self.places[-1] + weight * unit)

    def x(self, time: float) -> float:
        """The position of a time."""
        k = min(max(bisect_right(self.times, time) - 1, 0), len(self.times) - 1)
        if k == len(self.times) - 1:
            return self.places[k]
        share = max(time - self.times[k], 0.0) / (self.times[k + 1] - self.times[k])
        return self.places[k] + share * (self.places[k + 1] - self.places[k])
