"""Addresses as heights."""

from bisect import bisect_left


class Scale:
    """Maps addresses onto heights: in proportion, but nothing is lower than ``least``."""

    def __init__(self, edges: list, bottom: float, height: float, least: float) -> None:
        self._edges, self.bottom, self.top = edges, bottom, bottom - height
        gaps = [high - low for low, high in zip(edges, edges[1:], strict=False)]
        least = min(least, height / max(len(gaps), 1))
        wide = set(range(len(gaps)))
        rate = 0.0
        while wide:  # those too low get the least; the others share what is left
            room = height - least * (len(gaps) - len(wide))
            rate = room / sum(gaps[k] for k in wide)
            low = {k for k in wide if gaps[k] * rate < least}
            if not low:
                break
            wide -= low
        self._places = [bottom]
        for k, gap in enumerate(gaps):
            self._places.append(self._places[-1] - (gap * rate if k in wide else least))

    def y(self, address: int) -> float:
        """Where one of the edges lies."""
        return self._places[bisect_left(self._edges, address)]
