"""`mtia_lab.laws(device)`: the laws of the notebooks, tried on whatever accelerator there is."""

import html
from dataclasses import dataclass
from typing import Any

import torch

from ..errors import WrongArgument, WrongValue
from ..log.table import Table
from .programs import LAWS, THIS_DEVICE, Law
from .tries import HOLDS, elsewhere, needs, simulated

__all__ = ["Law", "LawTable", "laws"]


@dataclass(frozen=True, repr=False)
class LawTable:
    """The laws, and what came of each. It shows itself.

    Attributes:
        device: where they were tried, beside the simulated device.
        laws: the laws.
        simulated: of each, what came of it on the simulated device: "holds", "does not hold", what
            it needs, or an error.
        here: the same on `device`, if that is another one.
        missing: why there is nothing to show; else "".
    """

    device: str
    laws: tuple[Law, ...] = ()
    simulated: tuple[str, ...] = ()
    here: tuple[str, ...] = ()
    missing: str = ""

    @property
    def broken(self) -> list[Law]:
        """The laws that were tried where they have to hold, and do not."""
        found = list(zip(self.laws, self.simulated, strict=True))
        if self.here:
            both = zip(self.laws, self.here, strict=True)
            found += [(law, said) for law, said in both if law.place != THIS_DEVICE]
        return list(dict.fromkeys(law for law, said in found if said not in (HOLDS, needs(law))))

    def __repr__(self) -> str:
        if self.missing:
            return self.missing
        rows = [[law.notebook, *said, law.place, law.sentence] for law, *said in self._rows()]
        head, *lines = Table(["", *self._tried(), "whose", "law"], rows, names=5).lines()
        indent = " " * head.index("law")
        shown = [self._headline(), "", head]
        for law, line in zip(self.laws, lines, strict=True):
            shown += [line, f"{indent}may differ: {law.differs}"] if law.differs else [line]
        return "\n".join(shown)

    def _repr_html_(self) -> str:
        if self.missing:
            return f"<p>{html.escape(self.missing)}</p>"
        head = ["notebook", "law", "whose", *self._tried(), "may differ"]
        rows = [
            [law.notebook, law.sentence, law.place, *said, law.differs]
            for law, *said in self._rows()
        ]
        table = Table(head, rows, names=len(head)).html()
        return f"<p>{html.escape(self._headline())}</p>{table}"

    def _columns(self) -> list[tuple[str, ...]]:
        return [self.simulated, self.here] if self.here else [self.simulated]

    def _tried(self) -> list[str]:
        return ["simulated", self.device][: len(self._columns())]

    def _rows(self) -> list[Any]:
        return list(zip(self.laws, *self._columns(), strict=True))

    def _headline(self) -> str:
        counts = [column.count(HOLDS) for column in self._columns()]
        there = [f", {count} on {self.device}" for count in counts[1:]]
        return f"{counts[0]} of {len(self.laws)} laws hold on the simulated device{''.join(there)}."


def laws(device: str = "mtia") -> LawTable:
    """Try the laws of the notebooks on a device, each by a short program that names no device.

    On "mtia" they run in this process, in some tenths of a second; what is current and configured
    stays as it is. Another accelerator is tried in a process of its own, without the simulated one.

    Args:
        device: a type of device, such as "mtia", "cuda" or "xpu".

    Returns:
        A table that shows itself: law, simulated, here, and where they may differ. If there is no
        such accelerator, it is one sentence.

    Raises:
        TypeError, ValueError: that is no type of device that PyTorch knows.
    """
    if not isinstance(device, str):
        raise WrongArgument(f'the device is {device!r}; give a type of device, such as "cuda"')
    if device == "mtia":
        return LawTable(device, tuple(LAWS), tuple(simulated()))
    try:
        module = torch.get_device_module(device)
    except RuntimeError as error:
        raise WrongValue(
            f'torch has no device module for {device!r}; give a type of device, such as "cuda"'
        ) from error
    if device == "cpu" or not module.is_available():
        return LawTable(device, missing=f"No other accelerator here: PyTorch finds no {device}.")
    return LawTable(device, tuple(LAWS), tuple(simulated()), tuple(elsewhere(device)))
