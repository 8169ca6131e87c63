"""Every virtual of the guard, the hooks and the allocator does its part.

The virtuals are read from the headers of the installed torch, so one that a later release adds
turns this red until somebody decides what it means here.
"""

import ctypes
import os
import re

import pytest
import torch
from building import ROOT
from torch_headers import TORCH, virtuals

from mtia_lab.compiler import Compilation

HEADERS = {
    "guard": ["c10/core/impl/DeviceGuardImplInterface.h"],
    "hooks": ["ATen/detail/AcceleratorHooksInterface.h", "ATen/detail/MTIAHooksInterface.h"],
    "allocator": ["c10/core/CachingDeviceAllocator.h"],
    "graph": ["ATen/core/GraphImplInterface.h"],
}
CONSTANT = "constant, asked all the time, so not logged; its value is asserted below"
EXEMPT = {
    ("guard", "type"): CONSTANT,
    ("hooks", "isBuilt"): CONSTANT,
    ("hooks", "hasMTIA"): CONSTANT,
    ("hooks", "isAvailable"): CONSTANT,
    ("allocator", "initialized"): CONSTANT,
    ("hooks", "getDeviceCount"): "another name of deviceCount, under which it is logged",
}


def test_errors_of_python_are_declared_as_pytorch_declares_them():
    def layout(header: str) -> tuple:
        text = re.sub(r"//[^\n]*", "", header)
        body = re.search(
            r"^struct python_error : (?:public )?(.*?) \{\n(.*?)^\};", text, re.M | re.S
        )
        members = r"^  (PyObject\*|std::string) (\w+)(?:\{nullptr\}| = nullptr)?;"
        functions = r"(~?\w+)\(\) (?:const noexcept )?override"
        return (
            body[1],
            re.findall(members, body[2], re.M),
            sorted(re.findall(functions, body[2])),
            re.search(r"void translate_exception_to_python\(\s*([^)&]*&)", text)[1],
        )

    ours = layout((ROOT / "cpp_extensions/backend/python_error.h").read_text(encoding="utf-8"))
    assert ours == layout((TORCH / "include/torch/csrc/Exceptions.h").read_text(encoding="utf-8"))
    assert [name for _, name in ours[1]] == ["type", "value", "traceback", "message"]


@pytest.fixture(scope="session")
def probe(tmp_path_factory) -> ctypes.CDLL:
    """The C++ callers of what Python cannot reach."""
    source = ROOT / "tests/cpp/torch" / "virtuals.cpp"
    files = {source.name: source.read_bytes()}
    with Compilation(files, tmp_path_factory.mktemp("probe"), "virtuals.so") as compilation:
        library = ctypes.CDLL(str(compilation.finish()))
    library.last_error.restype = library.show_config.restype = ctypes.c_char_p
    for name in ("default_stream", "pool_stream", "hooks_exchange_device"):
        getattr(library, name).restype = ctypes.c_long
    return library


def visit_everything(lab, probe) -> None:
    """Call each virtual at least once, from Python where Python can."""
    torch._C._mtia_init()
    torch.mtia.device_count()
    torch.mtia.set_device(torch.mtia.current_device())
    torch._C._mtia_exchangeDevice(0)
    with torch.mtia.device(1), torch.accelerator.device_index(0):
        torch.accelerator.set_device_index(torch.accelerator.current_device_index())
    torch.mtia.get_device_properties()
    torch.mtia.get_device_capability()
    torch._C._accelerator_getDeviceCapability(0)
    torch._C._mtia_getCurrentRawStream(0)
    torch.Generator("mtia")
    torch.mtia.set_stream(torch.mtia.default_stream())
    torch.mtia.synchronize()
    torch.accelerator.synchronize()

    stream = torch.Stream("mtia:1")
    begin, end = (torch.Event(enable_timing=True) for _ in range(2))
    with stream:
        begin.record()
        end.record()
        begin.wait()
    assert torch.mtia.current_stream() == torch.accelerator.current_stream()
    end.synchronize()
    begin.elapsed_time(end)
    stream.query()
    stream.synchronize()
    assert stream.native_handle
    stream.is_capturing()
    del begin, end

    visit_memory(probe)
    visit_graphs()

    probe.init()
    probe.default_stream(0)
    probe.pool_stream(0, False)
    probe.guard_device_count()
    probe.has_primary_context(0)
    probe.show_config()


def visit_memory(probe) -> None:
    assert probe.device_of_new_memory_used_on_a_stream(1) == 1
    assert torch.empty(8).pin_memory().is_pinned()
    torch.accelerator.memory_stats()
    torch.accelerator.get_memory_info()
    torch.accelerator.reset_peak_memory_stats()
    torch.accelerator.reset_accumulated_memory_stats()
    torch.accelerator.empty_cache()
    torch.mtia.memory_stats()
    torch.mtia.reset_peak_memory_stats()
    torch.mtia.empty_cache()
    torch.mtia.snapshot()
    torch.mtia.record_memory_history(None)
    torch.mtia.attach_out_of_memory_observer(lambda *_: None)


def visit_graphs() -> None:
    if hasattr(torch.mtia, "is_current_stream_capturing"):  # from 2.15 on
        assert not torch.mtia.is_current_stream_capturing()
    for make in (torch.mtia.MTIAGraph, torch.accelerator.Graph):
        graph = make(keep_graph=True)
        graph.capture_begin(*([torch.mtia.graph_pool_handle()] * (make is torch.mtia.MTIAGraph)))
        graph.capture_end()
        graph.instantiate()
        graph.replay()
        graph.pool()
        if make is not torch.mtia.MTIAGraph:
            graph.enable_debug_mode()
            graph.debug_dump(os.devnull)
        graph.reset()


def test_every_virtual_is_seen_in_the_log_or_exempt_for_a_reason(lab, probe):
    declared = {(door, name) for door in HEADERS for h in HEADERS[door] for name in virtuals(h)}
    assert len(declared) > 60, "the headers look different; has the parsing gone blind?"
    with lab.record() as log:
        visit_everything(lab, probe)
    seen = {(call.door, call.name) for call in log.calls}
    assert declared - seen - EXEMPT.keys() == set(), "what do these mean here?"
    assert not seen & EXEMPT.keys(), "logged, so not exempt"
    assert not [call for call in log.calls if call.error]


def test_the_constants(lab, probe):
    assert probe.is_built() == probe.is_available() == 1
    assert probe.get_device_count() == probe.guard_device_count() == 2
    assert torch.accelerator.current_accelerator() == torch.device("mtia")
    assert b"MTIA Lab" in probe.show_config()
    assert torch._C._accelerator_isAllocatorInitialized()


def test_the_default_stream_through_the_guard(probe):
    assert probe.default_stream(0) == probe.default_stream(1) == 0
    assert probe.default_stream(7) == -1000
    assert b"mtia:7" in probe.last_error()


def test_pool_streams_come_in_turn_and_keep_their_priority(lab, probe):
    ids = [probe.pool_stream(1, False) for _ in range(64)]
    assert ids[:32] == ids[32:] and len(set(ids)) == 32
    high = probe.pool_stream(1, True)
    assert high not in ids
    kind = torch.mtia.default_stream(1).device_type
    streams = [torch.Stream(stream_id=i, device_index=1, device_type=kind) for i in (ids[0], high)]
    assert [lab.stream_priority(s) for s in streams] == [0, -1]
    assert probe.pool_stream(2, False) == -1000


def test_what_must_not_throw_does_not(lab, probe):
    probe.unchecked_set_device(1)
    assert lab.state() == (1, 0, 0), "it must really set"
    for nowhere in (7, -1, 127):
        probe.unchecked_set_device(nowhere)
        assert lab.state() == (1, 0, 0)
    event = torch.Event()
    event.record()
    for number in (0, 999_999, event.event_id, event.event_id):
        probe.destroy_event(number)
    with pytest.raises(RuntimeError, match=f"no event {event.event_id}"):
        event.query()


def test_the_hooks_exchange_returns_the_previous_device(lab, probe):
    assert probe.hooks_exchange_device(1) == 0
    assert probe.hooks_exchange_device(0) == 1
    assert probe.hooks_exchange_device(5) == -1000
    assert lab.state() == (0, 0, 0)


def test_the_flags_of_events_are_those_that_record_knows():
    text = (TORCH / "include/c10/core/impl/DeviceGuardImplInterface.h").read_text(encoding="utf-8")
    flags = re.search(r"enum class EventFlag[^{]*\{(.*?)\};", text, re.DOTALL)[1]
    names = re.findall(r"^\s*(\w+)", re.sub(r"//[^\n]*", "", flags), re.MULTILINE)
    assert names == ["PYTORCH_DEFAULT", "BACKEND_DEFAULT", "INVALID"], "what do these mean here?"


def test_an_unknown_event_flag_is_refused(probe):
    assert probe.record_with_an_unknown_flag() == -1000
    assert b"flag" in probe.last_error()


def test_a_device_has_a_primary_context_once_it_was_used(lab, probe):
    lab.launch("k")
    torch.mtia.synchronize()
    assert probe.has_primary_context(0) == 1
    assert probe.has_primary_context(7) == -1000
