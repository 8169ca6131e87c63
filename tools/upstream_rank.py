"""Imported by the process that ranks of a test are forked from: see upstream_distributed.py."""

import upstream_distributed

upstream_distributed.simulate()
