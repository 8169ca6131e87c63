"""The log: what it holds, how it is recorded and read.

`records` is its schema and `log` a sequence of them; `recording` makes one, `lines` names
the reader's lines in it. `attribution` says why streams were idle, `summary` and `table` what
took how long, `trace` writes what Perfetto reads; `units` and `arguments` are for all who
show or take a log. Nothing is imported here, since `load()` needs `lines` alone.
"""
