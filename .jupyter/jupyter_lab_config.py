"""JupyterLab as `make lab` starts it: on the first notebook, and without leaving traces in any."""

import warnings


def leave_python_out(model: dict, **_: object) -> None:
    """Before a notebook is written: the release of Python that opened it is no part of it.

    JupyterLab notes it as soon as a kernel is there, so that a notebook would change by being
    looked at.
    """
    if model["type"] == "notebook":
        model["content"]["metadata"].get("language_info", {}).pop("version", None)


c = get_config()  # noqa: F821
c.LabApp.default_url = "/lab/tree/my-notebooks/00_start_here.ipynb"
warnings.filterwarnings("ignore", "Overriding existing pre_save_hook")  # JupyterLab sets it twice
c.ContentsManager.pre_save_hook = leave_python_out
