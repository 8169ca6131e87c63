"""A trace file: its name, its bytes, and what is left when it cannot be written."""

import errno
import gzip
import json
import os
from pathlib import Path

import pytest
import trace_reader
from drawings import rerecorded, some_log

import mtia_lab
from mtia_lab.log.log import Log


def test_the_same_log_gives_the_same_bytes_compressed_or_not(tmp_path):
    paths = [tmp_path / name for name in ("a.json", "b.json", "a.json.gz", "b.json.gz")]
    assert [mtia_lab.write_trace(some_log(1, 50), path) for path in paths] == paths
    plain, again, packed, repacked = (path.read_bytes() for path in paths)
    assert plain == again and packed == repacked and len(packed) < len(plain) / 4
    assert gzip.decompress(packed) == plain
    assert packed[3:8] == bytes(5)  # neither a name nor a time
    assert paths[0].stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_name_with_another_ending_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"end in \.json or \.json\.gz"):
        mtia_lab.write_trace(Log(), tmp_path / "trace.txt")
    with pytest.raises(FileNotFoundError, match="there is no folder .*make it first"):
        mtia_lab.write_trace(Log(), tmp_path / "nowhere" / "trace.json")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "trace.json"
    path.write_text("old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        mtia_lab.write_trace(rerecorded(), path)
    assert [p.name for p in tmp_path.iterdir()] == ["trace.json"] and path.read_text() == "old"


def test_the_old_file_is_there_until_the_new_one_is_complete(tmp_path, monkeypatch):
    path = tmp_path / "trace.json"
    path.write_text("old")
    seen = []
    replace = os.replace

    def look(source, target):
        seen.append((path.read_text(), json.loads(Path(source).read_text())["otherData"]))
        replace(source, target)

    monkeypatch.setattr(os, "replace", look)
    mtia_lab.write_trace(rerecorded(), path)
    assert seen[0][0] == "old" and trace_reader.read(path).slices
