"""Bugs that shipped: published and mended stream bugs as short programs, and who sees them.

`museum.collection()` are the exhibits, `museum.look(exhibit)` says who sees one, and
`museum.table()` of all. In a terminal: `python -m mtia_lab museum`.
"""

from .exhibit import SCHEDULES, Exhibit, Seen, collection, look
from .npu_matrix import MATRIX, Row
from .npu_matrix import program as matrix_program
from .table import MuseumTable, table

__all__ = [
    "MATRIX",
    "SCHEDULES",
    "Exhibit",
    "MuseumTable",
    "Row",
    "Seen",
    "collection",
    "look",
    "matrix_program",
    "table",
]
