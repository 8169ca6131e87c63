"""A time axis that gives every stretch of time its room, short or long, and keeps the order."""

from bisect import bisect_right
from collections.abc import Iterable


class Stretch:
    """Maps times onto positions from ``left`` to ``right``: in order, but not in proportion.

    Args:
        spans: ``(start, finish)`` of what is to be seen. Between two neighbouring times of these,
            positions are in proportion; how much room such a stretch gets depends little on how
            long it lasts.
        left, right: where the first and the last of these times are put.
    """

    def __init__(self, spans: Iterable, left: float, right: float) -> None:
        spans = list(spans)
        self.times = sorted({time for span in spans for time in span}) or [0.0]
        gaps = [b - a for a, b in zip(self.times, self.times[1:], strict=False)]
        middle = sorted(gaps)[len(gaps) // 2] if gaps else 1.0
        busy = {a for a, b in spans if b > a}
        weights = [
            min(max(gap / middle, 0.7), 2.0) * (1.6 if start in busy else 1.0)
            for start, gap in zip(self.times, gaps, strict=False)
        ]
        inside = right - left - 2 * (right - left) * 0.04
        unit = inside / (sum(weights) or 1.0)
        self.places = [left + (right - left) * 0.04]
        for weight in weights:
            self.places.append(self.places[-1] + weight * unit)

    def x(self, time: float) -> float:
        """The position of a time."""
        k = min(max(bisect_right(self.times, time) - 1, 0), len(self.times) - 1)
        if k == len(self.times) - 1:
            return self.places[k]
        share = max(time - self.times[k], 0.0) / (self.times[k + 1] - self.times[k])
        return self.places[k] + share * (self.places[k + 1] - self.places[k])
