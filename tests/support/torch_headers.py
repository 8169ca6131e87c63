"""What the headers of the installed torch declare."""

import re
from pathlib import Path

import torch

TORCH = Path(torch.__file__).parent


def virtuals(header: str) -> set[str]:
    """The virtual member functions a header declares in its first class."""
    text = (TORCH / "include" / header).read_text(encoding="utf-8")
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    text = text.partition("template <DeviceType D>")[0]
    new = re.findall(r"\bvirtual\b[^;{(]*?(~?\w+)\s*\(", text)
    overridden = re.findall(r"(\w+)\s*\([^(){};]*\)\s*const\s*(?:noexcept\s*)?override", text)
    return {name for name in new + overridden if not name.startswith("~")}
