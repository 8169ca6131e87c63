"""A saved log is the log that was saved; what is none, or not all of one, is refused in words."""

import errno
import gzip
import json
import os

import hazard_logs
import pytest
import torch
from drawings import heap_log, racing_log, rerecorded, shuttle, some_log

import mtia_lab
from mtia_lab import draw, errors, isolated
from mtia_lab.log.log import Log

LOGS = {
    "nothing": Log,
    "events": rerecorded,
    "copies": shuttle,
    "memory": heap_log,
    **{f"any {k}": lambda k=k: some_log(k, 60) for k in range(5)},
    **{f"racing {k}": lambda k=k: racing_log(k, 60) for k in range(5)},
    **{
        f"checked {k}": lambda k=k: hazard_logs.to_log(hazard_logs.random_program(k))
        for k in range(20)
    },
}


def recorded():
    """A log with every kind of record, and with memory and a stream from before it."""
    kept = torch.ones(5, device="mtia")
    side = torch.Stream("mtia:0")
    with side, mtia_lab.record(host=True, values=True) as log:
        x = torch.ones(4, 3).pin_memory().to("mtia", non_blocking=True)
        event = side.record_event()
        (x.t() * kept[:4]).sum().item()
        torch.mtia.current_stream().wait_event(event)
        torch.ones(2, pin_memory=True).tolist()
        with pytest.raises(RuntimeError, match="cpu"):
            x + torch.ones(3)
    return log


def kinds(value):
    """A value with the types of all its parts: an Access is equal to a plain tuple, too."""
    parts = value if isinstance(value, tuple | list) else ()
    return type(value), value if not parts else [kinds(part) for part in parts]


def check_same(opened, log):
    assert type(opened) is Log
    for mine, other in ((opened, log), (opened.initial_memory, log.initial_memory)):
        assert list(mine) == list(other)
        for a, b in zip(mine, other, strict=True):
            for name in a.__slots__:
                assert kinds(getattr(a, name)) == kinds(getattr(b, name)), (name, a)
    assert opened.initial_state == log.initial_state


@pytest.mark.parametrize("name", LOGS)
def test_what_is_opened_is_what_was_saved(name, tmp_path):
    log = LOGS[name]()
    path = tmp_path / "run.mtia"
    assert log.save(path) == path
    check_same(mtia_lab.open_log(str(path)), log)


def test_so_is_a_recorded_log_with_all_there_is(lab, tmp_path):
    log = recorded()
    assert {"Call", "Command", "Memory", "Host", "Value"} == {type(r).__name__ for r in log}
    assert log.initial_memory and log.initial_state != {0: (0, 0, 0)}
    check_same(mtia_lab.open_log(log.save(tmp_path / "run.mtia")), log)


def test_what_has_happened_so_far_can_be_saved(lab, tmp_path):
    with lab.record() as log:
        lab.launch("first")
        log.save(tmp_path / "run.mtia")
        lab.launch("second")
    opened = mtia_lab.open_log(tmp_path / "run.mtia")
    assert [command.name for command in opened.commands] == ["first"]


@pytest.mark.parametrize("make", [recorded, rerecorded, lambda: racing_log(3, 60), heap_log])
def test_every_picture_and_analysis_is_the_same(lab, make, tmp_path):
    log = make()
    opened = mtia_lab.open_log(log.save(tmp_path / "run.mtia"))
    for show in (
        repr,
        mtia_lab.find_hazards,
        mtia_lab.summary,
        *(draw.timeline, draw.memory, draw.filmstrip, draw.threads, draw.devices),
        mtia_lab.explore,
    ):
        mine, other = show(opened), show(log)
        assert repr(mine) == repr(other)
        if not isinstance(mine, str):
            assert mine._repr_mimebundle_() == other._repr_mimebundle_()
    traces = [mtia_lab.write_trace(x, tmp_path / "t.json").read_bytes() for x in (opened, log)]
    assert traces[0] == traces[1] and opened.to_json() == log.to_json()


def test_the_file_is_what_the_schema_says(tmp_path):
    log = racing_log(1, 20)
    lines = gzip.decompress(log.save(tmp_path / "a.mtia").read_bytes()).decode().splitlines(True)
    head = json.loads(lines[0])
    assert (head["format"], head["version"], head["records"]) == ("MTIA Lab log", 1, len(log))
    assert "".join(lines[1:]) == log.to_json()
    assert log.save(tmp_path / "b.mtia").read_bytes() == (tmp_path / "a.mtia").read_bytes()


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = rerecorded().save(tmp_path / "run.mtia")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        Log().save(path)
    assert list(tmp_path.iterdir()) == [path]
    check_same(mtia_lab.open_log(path), rerecorded())


def test_where_nothing_can_be_saved_is_said(tmp_path):
    with pytest.raises(ValueError, match="'run.json' is no name for a log: let it end in .mtia"):
        Log().save(tmp_path / "run.json")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        Log().save(tmp_path / "nowhere/run.mtia")
    with pytest.raises(TypeError, match=r'a log is saved to a path, such as "run.mtia", not to 5'):
        Log().save(5)


def refusal(path):
    with pytest.raises(errors.UnreadableLog) as caught:
        mtia_lab.open_log(path)
    assert caught.value.what == f"{path} cannot be opened as a log."
    return caught.value.why


def test_a_file_cut_anywhere_is_refused(tmp_path):
    path = rerecorded().save(tmp_path / "run.mtia")
    whole = path.read_bytes()
    for size in range(2, len(whole)):
        path.write_bytes(whole[:size])
        assert refusal(path) == "it is cut short: its end is missing.", size
    text = gzip.decompress(whole)
    for lines in (1, 3):
        path.write_bytes(gzip.compress(b"".join(text.splitlines(True)[:lines])))
        assert refusal(path).startswith(f"it is cut short: it holds {lines - 1} of ")


def test_a_changed_byte_is_noticed(tmp_path):
    path = rerecorded().save(tmp_path / "run.mtia")
    whole = path.read_bytes()
    last = len(whole) - 9  # of what is compressed; some of its bits may mean nothing
    for place in {*range(10, len(whole))} - {last}:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 32]) + whole[place + 1 :])
        assert "it is" in refusal(path), place


def packed(**changes):
    head = {"format": "MTIA Lab log", "version": 1, "records": 1, "initial_state": {}}
    line = {"kind": "memory", "action": "oom", "device": 0, "stream": 0, "address": None}
    line |= {"bytes": 1, "time_ns": 0, "thread": 0, "site": None}
    head |= {"initial_memory": []}
    for key, value in changes.items():
        (head if key in head else line)[key] = value
    return gzip.compress(f"{json.dumps(head)}\n{json.dumps(line)}\n".encode(), mtime=0)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it does not begin as one"),
        (b"import torch\n", "Not a gzipped file"),
        (gzip.compress(b"text\n", mtime=0), "it does not begin as one"),
        (gzip.compress(b"[1]\n", mtime=0), "it does not begin as one"),
        (gzip.compress(b"{\n", mtime=0), "Expecting property name"),
        (gzip.compress(b"\xff\xfe", mtime=0), "can't decode byte"),
        (packed(format="a trace"), "it does not begin as one"),
        (packed(version=2), "it is of version 2, and this lab knows versions up to 1."),
        (packed(version=None), "not supported"),
        (packed(kind="os.system"), "'os.system'"),
        (packed(more=1), "unexpected keyword argument 'more'"),
        (packed(initial_state={"a": []}), "invalid literal"),
        (packed(initial_memory=[{}]), "'kind'"),
    ],
)
def test_what_is_no_log_is_refused(data, why, tmp_path):
    path = tmp_path / "run.mtia"
    path.write_bytes(data)
    assert why in refusal(path)


def test_what_is_not_there_is_said(tmp_path):
    assert refusal(tmp_path / "run.mtia") == "No such file or directory."
    assert refusal(tmp_path) == "Is a directory."


SHOW = """
import sys
from mtia_lab.__main__ import main
sys.exit(main(["show", {!r}]))
"""


def test_the_command_line_shows_it_without_a_device(tmp_path):
    log = racing_log(2, 30)
    path = log.save(tmp_path / "run.mtia")
    missing = str(tmp_path / "missing.mtia")
    ran = isolated.run_each({file: SHOW.format(file) for file in (str(path), missing)})
    shown = ran[str(path)].stdout
    for part in (log, draw.timeline(log), mtia_lab.find_hazards(log)):
        assert f"{part!r}\n" in shown
    assert f"{mtia_lab.summary(log, lines=True)!r}\n" in shown
    assert ran[missing].error == "exit code 1"
    assert "No such file" in ran[missing].stderr and "Traceback" not in ran[missing].stderr
