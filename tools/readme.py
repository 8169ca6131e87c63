"""The README's example and picture: `python tools/readme.py` draws the picture from the example.

The example is the code block that stands in the README, so the two cannot drift apart.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PICTURE = ROOT / "notebooks" / "pictures" / "timeline.svg"


def example() -> str:
    """The README's Python code block."""
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    return block


def picture() -> str:
    """The SVG that the example draws. Runs it, so call this in a process of its own."""
    names: dict = {}
    exec(compile(example(), "README.md", "exec"), names)
    bundle = names["picture"]._repr_mimebundle_()
    return bundle["image/svg+xml"] + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        drawn = picture()
        sys.stdout.flush()
        sys.stderr.write(drawn)
    else:
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        PICTURE.write_text(picture(), encoding="utf-8")
