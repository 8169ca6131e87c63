# What is public, and where it is; `__init__.py` reads it here, as type checkers and editors do.

from IPython.core.interactiveshell import InteractiveShell

from . import contract as contract
from . import distributed as distributed
from . import draw as draw
from . import errors as errors
from . import isolated as isolated
from . import museum as museum
from .device import Profile as Profile
from .device import State as State
from .device import configure as configure
from .device import host_clock as host_clock
from .device import launch as launch
from .device import state as state
from .device import stream_priority as stream_priority
from .exercises.check import check as check
from .exercises.guess import compare as compare
from .exercises.source import source as source
from .explorer import explore as explore
from .explorer import knobs as knobs
from .guards import GuardReport as GuardReport
from .guards import try_guard as try_guard
from .hazards import Finding as Finding
from .hazards import Report as Report
from .hazards import find_hazards as find_hazards
from .hazards.sanitizer import sanitizer as sanitizer
from .lawbook import LawTable as LawTable
from .lawbook import laws as laws
from .load import Status as Status
from .load import load as load
from .log.gpu_trace import open_trace as open_trace
from .log.log import Log as Log
from .log.recording import record as record
from .log.records import Access as Access
from .log.records import Call as Call
from .log.records import Command as Command
from .log.records import Host as Host
from .log.records import Known as Known
from .log.records import Memory as Memory
from .log.records import Value as Value
from .log.saved import open_log as open_log
from .log.summary import summary as summary
from .log.trace import write_trace as write_trace
from .log.what_if import what_if as what_if
from .programs.settings import poison as poison
from .programs.settings import profile as profile
from .programs.settings import protect as protect
from .programs.settings import reset as reset
from .programs.settings import schedule as schedule
from .programs.trials import trial as trial

__version__: str

def load_ipython_extension(shell: InteractiveShell) -> None: ...
