"""`try_guard` and `%%guard`: from a reader's C++ to a report, a compiler's error, or neither."""
# ruff: noqa: F821 - the tests in new processes see the names of new_process.PRELUDE

import re
from types import SimpleNamespace

import pytest
from new_process import Programs

import mtia_lab
from mtia_lab import guards
from mtia_lab.cache import Cache
from mtia_lab.compiler import Compilation, compiler_version
from mtia_lab.guards import header, library, magic, report
from mtia_lab.guards.contract import BY_KEY, CLAUSES
from mtia_lab.guards.diagnostics import code, diagnose, overrides, oversights
from mtia_lab.toolchain import find_compiler

STORES_NOTHING = """\
// Says what was current, and leaves it so.
c10::Stream exchangeStream(Stream stream) const override {
  std::puts("exchangeStream");
  return real.getStream(stream.device());
}
"""
FIVE_ERRORS = """\
#include <map>
void setDevice(c10::Device device) const { real.setDevice(device); }
void setdevice(c10::Device device) const override { real.setDevice(device); }
c10::Device getDevice() const override { }
int count = 0;

void block(void* event, const c10::Stream& stream) const override { ++count; }
void uncheckedSetDevice(c10::Device device) const override { real.setDevice(device); }
"""


@pytest.fixture(scope="module")
def stored(lab_built):
    """The report on a guard that stores nothing."""
    return mtia_lab.try_guard(STORES_NOTHING)


# --- Reports --------------------------------------------------------------------------------------


def test_a_report_tells_what_broke_and_what_was_printed(stored):
    assert not stored and not stored.ok and not stored.not_reached and not stored.errors
    assert stored.broken[:2] == ("exchangeStream.sets", "with stream.enters")
    outcome = stored["exchangeStream.sets"]
    assert (outcome.expected, outcome.seen) == ("A", "default stream 0")
    assert repr(outcome).endswith("(PyTorch's header; expected A; saw default stream 0)")
    entering = stored["with stream.enters"]
    assert entering.expected == "(1, default stream 0, B)"  # one thing of three parts
    assert stored.overrides == ("exchangeStream",)
    assert repr(stored["getDevice.agrees"]).startswith("getDevice.agrees kept: ")
    assert set(stored.printed.split()) == {"exchangeStream"}
    assert len(stored) == len(CLAUSES) and [o.clause.key for o in stored] == list(BY_KEY)
    with pytest.raises(KeyError, match=r"no clause is called 'sets'; they are getDevice\.agrees"):
        stored["sets"]


def test_trying_again_gives_the_same_and_compiles_nothing(stored, monkeypatch):
    monkeypatch.setattr(
        library, "Compilation", lambda *_, **__: pytest.fail("the compiler was called")
    )
    again = mtia_lab.try_guard(STORES_NOTHING)
    assert again.cached and again == stored and repr(again) == repr(stored)
    with pytest.raises(pytest.fail.Exception, match="compiler was called"):
        mtia_lab.try_guard(STORES_NOTHING + "\n// changed")


def test_what_was_just_found_is_not_pruned(monkeypatch, tmp_path):
    monkeypatch.setattr(library, "KEEP", 0)
    sources = {"guard": "int one;", "probes": "int two;"}
    found = library._libraries(sources, Cache(tmp_path, "guard.so"))
    assert found.guard.is_file() and found.probes.is_file()


def test_where_a_library_cannot_be_replaced_nothing_is_compiled(monkeypatch, tmp_path):
    sources = {"guard": "int one;", "probes": "int two;"}
    found = library._libraries(sources, Cache(tmp_path, "guard.so"))
    found.guard.with_name("notes.txt").write_text("mine")
    found.guard.unlink()
    monkeypatch.setattr(library, "Compilation", pytest.fail)
    with pytest.raises(OSError, match="not empty"):
        library._libraries(sources, Cache(tmp_path, "guard.so"))


# --- The header, compiled before ------------------------------------------------------------------


@pytest.fixture
def compiling(monkeypatch, tmp_path):
    """Get a cell's libraries from an empty cache; returns what is compiled, and if with the header.

    All of it is small. GCC refuses a compiled header that does not fit.
    """
    monkeypatch.setenv("MTIA_LAB_CACHE", str(tmp_path))
    monkeypatch.setenv("MTIA_LAB_CXXFLAGS", "-Winvalid-pch -Werror=invalid-pch")
    monkeypatch.setattr(header, "content", lambda: {header.HEADER: b"inline int one();"})
    made = []

    def compilation(files, private, name, **how):
        made.append((name, (private / "src" / header.LIBRARY).exists()))
        return Compilation(files, private, name, **how)

    monkeypatch.setattr(library, "Compilation", compilation)
    monkeypatch.setattr(header, "Compilation", compilation)

    def compiling(guard):
        made.clear()
        sources = {"guard": guard, "probes": ""}
        both = {name: f'#include "{header.HEADER}"\n{text}' for name, text in sources.items()}
        library._libraries(both, Cache(tmp_path, library.PART, library.LIBRARY))
        return made

    return compiling


@pytest.mark.skipif(
    "clang" in compiler_version(find_compiler()), reason="clang takes no precompiled header"
)
def test_the_header_is_compiled_once_and_cells_with_it(compiling):
    assert compiling("// 1") == [(header.LIBRARY, False), *[(library.LIBRARY, True)] * 2]
    assert compiling("// 2") == [(library.LIBRARY, True)]
    assert compiling("// 2") == []


def test_where_the_header_cannot_be_kept_cells_compile_without_it(compiling, tmp_path):
    (tmp_path / header.PART).write_text("in the way")
    assert compiling("// 1") == [(library.LIBRARY, False)] * 2


def test_clang_is_given_no_compiled_header(compiling, monkeypatch):
    monkeypatch.setattr(header, "compiler_version", lambda _: "Debian clang version 19.1")
    assert compiling("// 1") == [(library.LIBRARY, False)] * 2


def test_nothing_of_the_guard_comes_into_this_process(stored, lab):
    assert stored["exchangeStream.sets"].status == "broken"
    with open("/proc/self/maps", encoding="utf-8") as maps:
        assert "guard.so" not in maps.read()
    import torch

    stream = torch.Stream("mtia:1")
    with stream:
        assert torch.mtia.current_stream() == stream
    assert lab.state() == (0, 0, 0)


@pytest.mark.parametrize("source", ["", " \n", "...", "// yours\n\n  ...\n"])
def test_nothing_to_try_starts_nothing(source, monkeypatch):
    monkeypatch.setattr(guards.check, "libraries", lambda *_: pytest.fail("compiled"))
    found = mtia_lab.try_guard(source)
    assert not found and not found.started and repr(found).startswith("nothing to try")
    assert found._repr_mimebundle_() == {"text/plain": repr(found)}


def test_what_is_no_text_is_refused():
    with pytest.raises(TypeError, match="the source is a list"):
        mtia_lab.try_guard(["void"])


def test_a_timeout_that_is_none_is_refused_before_the_compiler_starts(monkeypatch):
    monkeypatch.setattr(guards.check, "libraries", None)
    with pytest.raises(ValueError, match="timeout is nan"):
        mtia_lab.try_guard(STORES_NOTHING, timeout=float("nan"))
    with pytest.raises(TypeError, match="timeout is None"):
        mtia_lab.try_guard(STORES_NOTHING, timeout=None)


@pytest.mark.parametrize(("devices", "error"), [(1, ValueError), ("3", TypeError)])
def test_fewer_than_two_devices_are_refused(devices, error):
    with pytest.raises(error, match=f"devices is {devices!r}, .*: try 2"):
        mtia_lab.try_guard(STORES_NOTHING, devices=devices)


# --- Errors ---------------------------------------------------------------------------------------


def test_errors_have_the_lines_of_the_cell_and_say_what_to_do(lab_built):
    found = mtia_lab.try_guard(FIVE_ERRORS)
    assert not found and not found.outcomes and not found.broken
    hints = {error.line: error.hint for error in found.errors}
    assert list(hints) == [2, 3, 4, 7, 8]
    assert "the word override" in hints[2]
    assert hints[3].endswith("it has: void setDevice(c10::Device device) const override")
    assert "Return what the contract asks for" in hints[4]
    assert "mutable" in hints[7]
    assert hints[8].endswith("uncheckedSetDevice(c10::Device device) const noexcept override")
    text = repr(found)
    assert text.startswith("The cell does not compile.") and "  line 3: " in text
    assert not re.search(r"(?<!\w)/\w|mtia_lab_cell|forwarding", text), "a path, or our own names"
    assert found._repr_mimebundle_() == {"text/plain": text}


def test_a_function_without_a_body_is_an_error_of_the_cell(lab_built):
    cell = "int helper() const;\nvoid setDevice(Device) const override { helper(); }"
    (error,) = mtia_lab.try_guard(cell).errors
    assert error.line is None and error.message.startswith("helper() const is declared")
    assert "inline static" in error.hint


@pytest.mark.parametrize(
    ("cell", "line", "message", "hint"),
    [
        (
            "int helper() const { return 1; }\n// override",
            None,
            "the cell overrides nothing",
            "such",
        ),
        (
            "/* so:\n*/ void setdevice(Device) const {}",
            2,
            "setdevice is new",
            "Is setDevice meant?",
        ),
        ("void setDevise(Device d) const { setDevice(d); }", 1, "setDevise is new", "Is setDevice"),
    ],
)
def test_a_cell_that_overrides_nothing_is_not_tried(lab_built, cell, line, message, hint):
    found = mtia_lab.try_guard(cell)
    assert not found and not found.outcomes and not found.overrides
    (error,) = found.errors
    assert error.line == line and error.message.startswith(message) and hint in error.hint
    assert repr(found).startswith("The cell was not tried.")


def test_helpers_of_other_names_and_overrides_of_every_form_pass():
    cell = """
    static c10::Stream default_stream(Device device) { return helped(device); }
    // void block() const override {}
    void setDevice(Device device) const override {
      if (default_stream(device)) { note("record() override {"); }
    }
    void destroyEvent(void*, DeviceIndex) const noexcept final {}
    """
    tried = """
    void uncheckedSetDevice(Device d) const noexcept override try { real.setDevice(d); }
    catch (...) {}
    auto getDevice() const -> c10::Device override { return real.getDevice(); }
    DeviceIndex deviceCount() const noexcept(true) override { return 2; }
    """
    assert oversights(cell) == () and overrides(cell) == ("setDevice", "destroyEvent")
    assert oversights(tried) == ()
    assert overrides(tried) == ("uncheckedSetDevice", "getDevice", "deviceCount")
    assert code("/* a\nb */ x // y").split("\n") == ["    ", "     x     "]


# What g++ 12 and clang 14 say, as far as it is read.
SAID = {
    "g++, hidden": (
        "inc/forwarding.h:60:8: error: 'virtual void mtia_lab::ForwardingGuard::setDevice"
        "(c10::Device) const' was hidden [-Werror=overloaded-virtual]\n"
        "cell:2:6: note:   by 'virtual void mtia_lab_cell::Guard::setDevice(int) const'\n",
        (2, "'virtual void setDevice(c10::Device) const' was hidden", "setDevice(c10::Device"),
    ),
    "g++, a brace": (
        "after the cell:1:16: error: expected unqualified-id before string constant\n",
        (3, "expected unqualified-id before string constant", "Has every { of the cell its }"),
    ),
    "clang, override": (
        "cell:1:6: error: 'setdevice' marked 'override' but does not override any\n",
        (1, "'setdevice' marked 'override' but does", "but it has: void setDevice("),
    ),
    "clang, const": (
        "cell:3:9: error: cannot assign to non-static data member within const member function\n",
        (3, "cannot assign", "mutable"),
    ),
    "g++, no such call": (
        "cell:3:8: error: 'const mtia_lab::Impl' {aka 'const struct c10::impl::"
        "DeviceGuardImplInterface'} has no member named 'setDevise'; did you mean 'setDevice'?\n",
        (3, "'const Impl' has no member named 'setDevise'", "it has: void setDevice("),
    ),
    "a header": (
        "cell:1:10: fatal error: a/b/none.h: No such file or directory\n",
        (1, "a/b/none.h: No such file", ""),
    ),
    "a path": ("cell:1:1: error: see /usr/include/c++/x.h\n", (1, "see x.h", "")),
    "nothing known": ("g++: internal compiler error: Killed\n", (3, "g++: internal", "Has every")),
}


@pytest.mark.parametrize(("log", "expected"), SAID.values(), ids=SAID)
def test_what_compilers_say(log, expected):
    line, message, hint = expected
    (error,) = diagnose(log, "one\ntwo\nthree\n\n")
    assert error.line == line and error.message.startswith(message) and hint in error.hint


def test_lines_are_counted_from_the_number_of_the_first_one(lab_built):
    cell = "\nvoid setdevice(Device device) const override {}"
    assert [mtia_lab.try_guard(cell, first_line=n).errors[0].line for n in (1, 2)] == [2, 3]


# --- The magic ------------------------------------------------------------------------------------


@pytest.fixture
def cell(monkeypatch):
    """Run a cell's magic on a shell of sorts; returns what is shown and what is bound."""
    bound = {}
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(push=bound.update))
    monkeypatch.setattr(
        guards,
        "try_guard",
        lambda source, **how: report.GuardReport(repr((source, how)), started=source != "..."),
    )
    return lambda line, source="void f() {}": (magic.guard(line, source), bound)


def test_the_magic_shows_the_report_and_binds_it(cell):
    shown, bound = cell("")
    assert shown.source == repr(("void f() {}", {"first_line": 2})) and not bound
    shown, bound = cell("mine --timeout 2.5")
    assert bound["mine"] is shown and "'timeout': 2.5" in shown.source
    shown, bound = cell("mine -q")
    assert shown is None and bound["mine"].started
    shown, bound = cell("mine", "...")
    assert repr(shown).startswith("nothing to try") and bound["mine"] is ...


@pytest.mark.parametrize("line", ["1mine", "--nothing", "a b", "--timeout soon"])
def test_a_line_that_makes_no_sense_is_a_usage_error(cell, line):
    from IPython.core.error import UsageError

    with pytest.raises(UsageError, match=r"It takes: %%guard \[NAME\]"):
        cell(line)


programs = Programs()


@pytest.fixture(scope="module")
def ran(lab_built):
    return programs.run("")


@programs.test
def test_loading_in_a_notebook_makes_the_magic_known():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    assert "guard" not in shell.magics_manager.magics["cell"]
    mtia_lab.load()
    assert repr(shell.run_cell_magic("guard", "mine", "// yours")).startswith("nothing to try")
    assert shell.user_ns["mine"] is ...


@programs.test
def test_the_extension_can_be_loaded_by_its_name():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "mtia_lab")
    assert "mtia_lab.guards" not in sys.modules  # what it needs waits for its first use
    shell.run_cell_magic("guard", "", "// nothing")
    assert "guard" in shell.magics_manager.magics["cell"]


@programs.test
def test_loading_imports_neither_ipython_nor_the_guards():
    mtia_lab.load()
    assert "IPython" not in sys.modules and "mtia_lab.guards" not in sys.modules
