"""Rows that are not as on the CPU: for good, or until a fault is mended.

Each entry covers the rows whose name its pattern matches, in the checks it names. An entry that
covers nothing in the whole sweeps must leave.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    rows: str
    checks: str
    reason: str

    def covers(self, row: str, check: str) -> bool:
        return check in self.checks.split() and re.fullmatch(self.rows, row) is not None


# The device is to differ here, and says so in the README.
RIGHTLY_DIFFERENT: list[Entry] = [
    Entry(r"copies/.*: copy.deepcopy", "strides sharing", "PyTorch copies this device by the CPU"),
    Entry(r"copies/a tensor/0: x.new, x.type\(x.type\(\)\)", "raised", "a list in PyTorch"),
    Entry(r"copies/a tensor/0: (from|to)_dlpack", "raised", "DLPack does not know the device"),
    Entry(r"scalars/to.other/.*", "device sharing", "it moves to where `other`, a number, is"),
    Entry(r".*/linalg_lstsq.*", "value", "LAPACK's gelsy reads what nobody has set"),
    Entry(r".*/_add_relu(_|.out|_.Tensor)?/.*", "dtype sharing", "the CPU gives another tensor"),
    Entry(
        r".*/(_batch_norm_with_update|_fused_sgd_?(.tensor_lr)?|_log_softmax_backward_data"
        r"|_native_batch_norm_legit"
        r"|_weight_norm_interface_backward|_sobol_engine_draw)/.*",
        "value",
        "the CPU reads past the end of an argument and does not look",
    ),
    Entry(r".*/lstm.input/.*", "raised text", "the CPU takes a kernel of oneDNN that checks less"),
    Entry(r".*/tensor_split.tensor_indices.*", "raised type", "its sections are of the host"),
    Entry(r".*/_pack_padded_sequence_backward/.*", "raised", "its lengths are of the host"),
    Entry(r".*/_reshape_alias(_copy(.out)?)?/.*", "raised", "past its storage the CPU reads on"),
    Entry(
        r".*/_weight_norm_interface/.*", "strides value", "the CPU writes past an expanded result"
    ),
    Entry(r".*/native_dropout/.*", "sharing", "the CPU gives its empty input itself"),
    Entry(r"modes/native_channel_shuffle/.*", "missing", "on CUDA, too, it can be differentiated"),
    Entry(r"storages/_reshape_alias_copy/.*", "late", "what it reads of the storage is there"),
    Entry(r".*/_shape_as_tensor/.*", "device", "sizes are of the host"),
    Entry(r"lists/block_diag/.*: tensors of none", "device", "no tensor says where"),
    Entry(r"numbers/repeat_interleave.Tensor/.*: output_size .*", "late", "values decide its size"),
    Entry("written/an L-BFGS step without a gradient", "raised", "it calls x.new"),
]

# Faults that are not mended yet; the letters are those of the list of faults.
KNOWN: list[Entry] = []


def uncovered(problems: dict[str, tuple[str, list]]) -> dict[str, tuple[str, list]]:
    """The problems that no entry covers."""
    left = {}
    for row, (program, found) in problems.items():
        rest = [f for f in found if not any(e.covers(row, f[0]) for e in _all())]
        if rest:
            left[row] = program, rest
    return left


def unused(problems: dict[str, tuple[str, list]], rows: Iterable[str], whole: bool) -> list[Entry]:
    """The entries that cover no problem; in a sample, those only that name a row which ran."""
    ran = set(rows)
    return [
        entry
        for entry in _all()
        if (whole or entry.rows in ran)
        and not any(entry.covers(row, f[0]) for row, (_, fs) in problems.items() for f in fs)
    ]


def _all() -> list[Entry]:
    return [*RIGHTLY_DIFFERENT, *KNOWN]
