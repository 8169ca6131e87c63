"""A warm load against a bare dlopen and against an up-to-date `cpp_extension.load`."""

import shutil
import tempfile
from functools import partial

from mtia_lab.build import FLAGS

from .processes import ROOT, alternate, run


def timed(body: str, before: str = "") -> str:
    """A program that prints how many seconds `body` took, after importing torch."""
    return f"""
import json, time
import torch
{before}
begin = time.perf_counter()
{body}
print(json.dumps({{"": time.perf_counter() - begin}}))
"""


SOURCES = ROOT / "cpp_extensions"


def up_to_date(folder: str) -> str:
    """The way PyTorch offers, for the same sources and flags."""
    return timed(f"""
from torch.utils.cpp_extension import load
load("mtia_extension", [{str(SOURCES / "mtia_extension.cpp")!r}], extra_cflags={list(FLAGS)!r},
     build_directory={folder!r}, extra_include_paths=[{str(SOURCES)!r}], is_python_module=False)
""")


LAB = timed("import mtia_lab\nmtia_lab.load()")
IMPORT_ONLY = timed("import mtia_lab")
LOAD_ONLY = timed("mtia_lab.load()", before="import mtia_lab")
WHERE = "import json, mtia_lab; print(json.dumps({'library': str(mtia_lab.load().library)}))"

WARM = "import mtia_lab + load()"
IMPORT = "import mtia_lab"
ALONE = "load()"
DLOPEN = "torch.ops.load_library"
UP_TO_DATE = "cpp_extension import + load()"


def warm_loads(rounds: int) -> dict[str, list[float]]:
    """Seconds of each way to open the built library in a fresh process that has imported torch."""
    folder = tempfile.mkdtemp()
    try:
        by_torch = up_to_date(folder)
        run(by_torch)  # builds, so that it is up to date from here on
        library = run(WHERE)["library"]
        contestants = {
            DLOPEN: partial(run, timed(f"torch.ops.load_library({library!r})")),
            WARM: partial(run, LAB),
            IMPORT: partial(run, IMPORT_ONLY),
            ALONE: partial(run, LOAD_ONLY),
            UP_TO_DATE: partial(run, by_torch),
        }
        return alternate(contestants, rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
