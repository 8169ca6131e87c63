"""JupyterLab as `make lab` starts it: on the first notebook, and without leaving traces in any."""

import atexit
import shutil
import tempfile
import warnings
from pathlib import Path

from jupyter_core.paths import jupyter_config_dir


def leave_python_out(model: dict, **_: object) -> None:
    """Before a notebook is written: the release of Python that opened it is no part of it.

    JupyterLab notes it as soon as a kernel is there, so that a notebook would change by being
    looked at.
    """
    if model["type"] == "notebook":
        model["content"]["metadata"].get("language_info", {}).pop("version", None)


c = get_config()  # noqa: F821
c.LabApp.default_url = "/lab/tree/my-notebooks/00_start_here.ipynb"
c.LabApp.custom_css = True
# Where it is looked for, which no option of its own says: first of all where the lab's rules and
# the reader's own are one file, in which the reader's come second and so count for more.
CUSTOM = [Path(__file__).resolve().parent / "custom", Path(jupyter_config_dir()) / "custom"]
both = Path(tempfile.mkdtemp(prefix="mtia-lab-"))
atexit.register(shutil.rmtree, both, ignore_errors=True)
own = CUSTOM[1] / "custom.css"
(both / "custom.css").write_text(
    '@import url("lab.css");\n' + (own.read_text(encoding="utf-8") if own.is_file() else ""),
    encoding="utf-8",
)
CUSTOM.insert(0, both)
c.ServerApp.tornado_settings.update({"static_custom_path": list(map(str, CUSTOM))})
warnings.filterwarnings("ignore", "Overriding existing pre_save_hook")  # JupyterLab sets it twice
c.ContentsManager.pre_save_hook = leave_python_out
