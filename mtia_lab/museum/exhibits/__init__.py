"""The exhibits: each a bug that shipped, reduced to a short program that names no device.

A module is an exhibit. Its first sentence says what was wrong; `REPORT` is where to read of it, as
"owner/repository#number", `SAW` what users saw, `FIX` what was merged. `program(device, mended)` is
the bug, or with `mended` the program after the fix, and returns values that are read at its end.
"""
