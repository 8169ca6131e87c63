"""The museum: each exhibit is a bug of order alone, and the table says who sees it."""

import inspect
import re
import sys
from dataclasses import replace

import pytest
import torch.distributed as dist
from torch.testing._internal.distributed import multi_threaded_pg

import mtia_lab
from mtia_lab import museum
from mtia_lab.__main__ import main
from mtia_lab.errors import ExhibitMissing

EXHIBITS = {exhibit.name: exhibit for exhibit in museum.collection()}
HERE = [name for name, exhibit in EXHIBITS.items() if not exhibit.needs]
RAW, WAR, REUSE = "read-after-write race", "write-after-read race", "memory reused too soon"
READ, WRITE = "host reads too soon", "host writes too soon"
# What the sanitizer says; whether CUDA's handler objects; under which schedules a value is wrong.
ALL = {"modelled", "latest", "every"}
SEEN = {
    "threaded_group_195281": (RAW, True, ALL),
    "async_tp_137199": (WAR, True, ALL),
    "ddp_37790": (RAW, True, ALL),
    "ddp_53159": (WRITE, False, ALL),
    "deepspeed_5606": (WAR, True, ALL),
    "deepspeed_7898": (RAW, True, ALL),
    "deepspeed_8080": (RAW, True, ALL),
    "diffusers_11097": (RAW, True, {"latest", "every"}),
    "diffusers_12077": (RAW, True, {"latest", "every"}),
    "diffusers_12673": (REUSE, False, ALL),
    "diffusers_14657": (REUSE, False, ALL),
    "dynamo_195798": (RAW, True, {"latest", "every"}),
    "fsdp_160481": (READ, False, ALL),
    "fsdp_180665": (REUSE, False, ALL),
    "fsdp_180666": (READ, False, ALL),
    "gloo_170812": (RAW, False, ALL),  # it reads one element: another address
    "inductor_192141": (RAW, True, ALL),
    "torchao_1649": (RAW, True, ALL),
    "torchtune_1867": (REUSE, False, ALL),
    "trl_7195": (RAW, True, {"every"}),
    "vllm_25279": (WRITE, False, ALL),
    "vllm_36013": (None, False, {"modelled", "latest"}),  # through NumPy, which asks nobody
    "vllm_39115": (None, False, set()),  # it waits for too much, and is late
    "vllm_46278": (RAW, True, ALL),
}


@pytest.fixture(scope="module")
def measured():
    mtia_lab.load()
    return museum.table()


def test_all_exhibits_that_are_here_are_in_the_table(measured):
    assert [seen.exhibit.name for seen in measured.seen] == HERE
    assert sorted(HERE) == sorted(SEEN)


@pytest.mark.parametrize("name", SEEN)
def test_who_sees_it(measured, name):
    (seen,) = (seen for seen in measured.seen if seen.exhibit.name == name)
    kind, cuda, wrong = SEEN[name]
    assert seen.kinds == ((kind,) if kind else ())
    assert seen.cuda == cuda
    assert {schedule for schedule in museum.SCHEDULES if seen.wrong[schedule]} == wrong
    assert seen.silent, "the mended program is not in order"


@pytest.mark.parametrize("name", HERE)
def test_it_is_a_bug_of_order_alone(lab, name):
    exhibit = EXHIBITS[name]
    values = [lab.trial(f, schedule="blocking").value for f in (exhibit.broken, exhibit.mended)]
    assert values[0] == values[1]


@pytest.mark.parametrize("exhibit", EXHIBITS.values(), ids=list(EXHIBITS))
def test_an_exhibit_says_what_it_is_and_names_no_device(exhibit):
    assert re.fullmatch(r"[\w-]+/\w+#\d+", exhibit.report)
    assert exhibit.title.endswith(".") and exhibit.saw and exhibit.fix
    assert not re.search(r"mtia|\bcuda\b", exhibit.source)
    number = exhibit.name.rpartition("_")[2]
    assert number in exhibit.report


def test_a_fix_that_is_none_is_not_silent(lab):
    exhibit = EXHIBITS["dynamo_195798"]
    never_mended = replace(exhibit, program=lambda device, mended: exhibit.broken(device))
    assert not museum.look(never_mended).silent


def test_an_order_that_shows_a_bug_can_be_run_again_whatever_memory_is_cached(lab):
    exhibit = EXHIBITS["trl_7195"]
    other = lab.trial(exhibit.broken, schedule="every").other
    lab.trial(exhibit.broken)  # leaves memory cached
    again = lab.trial(exhibit.broken, schedule=other.schedule, poison=True)
    assert str(again.value) == str(other.value) != str(exhibit.mended())


def test_an_event_of_all_steps_lets_the_host_wait_a_step_longer(lab):
    ends = []
    for program in (EXHIBITS["vllm_39115"].broken, EXHIBITS["vllm_39115"].mended):
        log = lab.trial(program).report.log
        ends.append([call.end_ns for call in log.calls if call.name == "synchronizeEvent"])
    late, in_time = ends
    assert late[:-1] >= in_time[1:] and late[0] > in_time[0]


def test_reports_name_the_lines_of_an_exhibit(lab):
    exhibit = EXHIBITS["deepspeed_5606"]
    (race,) = lab.trial(exhibit.broken).report
    name, line = race.second.site.split(":")
    assert name == "deepspeed_5606.py"
    assert "buffer.fill_(k)" in exhibit.source.splitlines()[int(line) - 1]


def test_the_threads_leave_the_process_as_it_was(lab):
    hook, group = sys.excepthook, dict(inspect.getmembers(multi_threaded_pg, callable))
    EXHIBITS["threaded_group_195281"].broken()
    assert sys.excepthook is hook and not dist.is_initialized()
    assert dict(inspect.getmembers(multi_threaded_pg, callable)) == group
    assert lab.state() == (0, 0, 0)


@pytest.mark.parametrize("name", museum.MATRIX)
@pytest.mark.parametrize("schedule", ["modelled", "latest"])
def test_the_matrix_of_torch_npu(lab, name, schedule):
    row = museum.MATRIX[name]
    report = lab.trial(museum.matrix_program, "mtia", row, schedule=schedule).report
    wanted = {kind for kind, there in {RAW: row.race, REUSE: row.reuse}.items() if there}
    assert {finding.kind for finding in report} == wanted


def test_the_table_counts_unmodified_code_and_ports_apart(measured):
    found = measured.counts(unmodified=False)
    assert found["exhibits"] == 23 and found["the sanitizer"] == 21
    assert measured.counts(unmodified=True)["exhibits"] == 1
    text, page = repr(measured), measured._repr_html_()
    assert text.startswith("The sanitizer finds 22 of 24, and has nothing to say of 24 of 24 after")
    assert "21 of 23" in text and page.count("<table>") == 2
    for seen in measured.seen:
        assert seen.exhibit.report in text and seen.exhibit.report in page


def test_what_takes_a_package_is_looked_at_on_demand_and_may_be_missing(lab, monkeypatch, capsys):
    def missing(device, mended):
        raise ExhibitMissing("a", "it takes diffusers==0.35.2, and no release is installed.", "b")

    (opted,) = (exhibit for exhibit in museum.collection() if exhibit.needs)
    both = [replace(opted, program=missing), EXHIBITS["dynamo_195798"]]
    monkeypatch.setattr(sys.modules["mtia_lab.museum.table"], "collection", lambda: both)
    for option in ([], ["--opt-in"]):
        assert main(["museum", *option]) == 0
        said = capsys.readouterr().out
        assert "The sanitizer finds 1 of 1" in said
        assert ("diffusers#12721 is not here: it takes diffusers==" in said) == bool(option)
