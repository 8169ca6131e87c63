"""JupyterLab whose kernels are forked from a process that has imported torch.

    python forking_lab.py MODULE,MODULE,... JUPYTERLAB-ARGUMENT...

Some twenty kernels start in the browser tests, and each took one to two seconds of a core for its
imports. The server has threads, so it is multiprocessing's fork server that forks.
"""

import gc
import multiprocessing
import os
import sys
import time
from multiprocessing.process import BaseProcess

_CONTEXT = multiprocessing.get_context("forkserver")
# What notebooks import, and the first optimizer does: once, and not in each process.
IMPORTED = ["torch._dynamo", "sklearn.datasets", "mtia_lab.draw", "mtia_lab.exercises"]


class Kernel:
    """A kernel's process, with what jupyter_client asks of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, command: list[str], *, env: dict[str, str], cwd: str = ".", **_):
        connection = command[command.index("-f") + 1]
        self._process: BaseProcess = _CONTEXT.Process(target=_run, args=(connection, env, cwd))
        self._process.start()
        self.pid = self._process.pid
        while os.getpgid(self.pid) != self.pid:  # to be signaled, it leads a group of its own
            time.sleep(0.001)

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int | None:
        self._process.join()
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


def _run(connection: str, env: dict[str, str], cwd: str) -> None:
    os.setsid()
    gc.freeze()  # else its first collection copies all that has been imported
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    from ipykernel.kernelapp import launch_new_instance

    # It ends when its parent does.
    launch_new_instance(argv=["-f", connection, f"--IPKernelApp.parent_handle={os.getppid()}"])


if __name__ == "__main__":
    from jupyter_client.provisioning import local_provisioner
    from jupyterlab.labapp import main

    _CONTEXT.set_forkserver_preload(
        [*filter(None, sys.argv.pop(1).split(",")), "ipykernel.kernelapp"]
    )
    local_provisioner.launch_kernel = Kernel
    sys.exit(main())
