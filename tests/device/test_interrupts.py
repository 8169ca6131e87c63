"""Interrupts, and what signal handlers raise, arrive whatever C++ is doing when they come.

`_thread.interrupt_main` does what a signal of the system does: it notes that the signal has come,
and the interpreter handles it in whichever Python code runs next. As the effect of a kernel it is
called by C++, so that the Python code that runs next may be one that C++ calls.
"""

import _thread
import contextlib
import functools
import itertools
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from mtia_lab import isolated
from mtia_lab.device import simulator
from mtia_lab.log import lines

TIMES = 20
PATIENCE = 60  # seconds until a deadlock is called one
RECORDERS = ["record", "sanitizer"]
NEW = itertools.count(100)  # numbers that no operator was called with


def signal_comes(lab, us, number=signal.SIGINT):
    """After so long, so at another point of the program each time."""
    lab.launch("signal", us=us, effect=functools.partial(_thread.interrupt_main, number))


def work(file, steps=50):
    """Steps of a program in a file of this name; what is in its way ends them."""
    code = f"""
import torch
x, event = torch.ones(8, device="mtia"), torch.Event()
for _ in range({steps}):
    y = x + x
    event.record()
    event.query()
"""
    exec(compile(code, file, "exec"), {})


@pytest.mark.parametrize("recorder", RECORDERS)
@pytest.mark.parametrize("file", ["same.py", "another{}.py"])
def test_twenty_of_twenty_interrupts_arrive_while_recording(lab, recorder, file):
    """In a file whose name is known already, and in one whose name is just being asked for."""
    arrived = 0
    for number in range(TIMES):
        with contextlib.suppress(KeyboardInterrupt), getattr(lab, recorder)():
            signal_comes(lab, us=number + 1)
            try:
                work(file.format(number))
            except KeyboardInterrupt:
                arrived += 1
                raise
    assert arrived == TIMES


@pytest.fixture
def alarm():
    """What the handler of SIGALRM raises."""
    error = TimeoutError("too long")

    def handler(*_):
        raise error

    before = signal.signal(signal.SIGALRM, handler)
    yield error
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("recorder", RECORDERS)
def test_what_the_handler_of_a_signal_raises_arrives(lab, recorder, alarm):
    for number in range(TIMES):
        with pytest.raises(TimeoutError) as raised, getattr(lab, recorder)():
            signal_comes(lab, number + 1, signal.SIGALRM)
            work(f"alarm{number}.py")
        assert raised.value is alarm


class Names(dict):
    """Names of files that cannot be told at first."""

    def __init__(self, *errors):
        self.errors = list(errors)

    def __missing__(self, file):
        if self.errors:
            raise self.errors.pop(0)
        return lines.FILE_NAMES[file]


@contextlib.contextmanager
def named_by(names):
    simulator.name_files(names)
    try:
        yield
    finally:
        lines.name_lines()


def test_what_is_raised_while_a_line_is_named_is_raised_afterwards_and_the_line_is_known(lab):
    error = MemoryError("full")
    with lab.record() as log, named_by(Names(error)), pytest.raises(MemoryError) as raised:
        exec(compile("torch.Stream('mtia')", "named.py", "exec"), {"torch": torch})
    assert raised.value is error
    assert {call.site.partition(":")[0] for call in log.calls} == {"named.py"}


def test_if_it_is_raised_twice_the_first_is_the_context_of_the_second(lab):
    first, second = MemoryError("first"), MemoryError("second")
    with lab.record(), named_by(Names(first, second)), pytest.raises(MemoryError) as raised:
        work("named.py")
    assert raised.value is second and second.__context__ is first


def test_another_thread_meets_it_in_the_call_itself_which_then_does_nothing(lab):
    error = MemoryError("full")

    def body():
        with lab.record() as log, named_by(Names(error)), pytest.raises(MemoryError) as raised:
            torch.Stream("mtia")
        return raised.value is error and [call.error for call in log.calls if call.error]

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(body).result(timeout=PATIENCE) == ["MemoryError: full"]


def test_an_interrupt_that_comes_while_memory_is_freed_arrives(lab):
    """The allocator may throw nothing there, but asks for the line."""
    x = torch.ones(8, device="mtia")

    def free():
        nonlocal x
        del x
        len([])
        return "lost"

    with lab.record(), named_by(Names(KeyboardInterrupt())), pytest.raises(KeyboardInterrupt):
        free()


# --- Effects --------------------------------------------------------------------------------------

WAITS = {
    "stream": lambda: torch.mtia.current_stream().synchronize(),
    "event": lambda: torch.mtia.current_stream().record_event().synchronize(),
    "mtia": lambda: torch.mtia.synchronize(),
    "accelerator": lambda: torch.accelerator.synchronize(),
    "item": lambda: torch.ones((), device="mtia").item(),
}


@pytest.fixture(params=[(KeyboardInterrupt, "now"), (SystemExit, 3)], ids=["KI", "exit"])
def interrupt(request):
    """Made anew, since an exception keeps the frames that it has come through."""
    kind, argument = request.param
    return kind(argument)


def raises(error):
    def effect():
        raise error

    return effect


@pytest.mark.parametrize("call", WAITS.values(), ids=WAITS)
@pytest.mark.parametrize("schedule", ["modelled", "latest", "random:1"])
def test_an_interrupt_out_of_an_effect_stays_what_it_is(lab, schedule, call, interrupt):
    lab.configure(schedule)
    seen = []
    torch.accelerator.synchronize()
    lab.launch("before", us=500, effect=lambda: seen.append("before"))
    lab.launch("interrupts", us=1, effect=raises(interrupt))
    lab.launch("after", us=1, effect=lambda: seen.append("after"))
    with pytest.raises(type(interrupt)) as raised:
        call()
    assert raised.value is interrupt
    torch.mtia.synchronize()
    assert seen == ["before", "after"], "the stream did not go on"


def test_it_does_not_wait_for_a_synchronization(lab, interrupt):
    stream = torch.mtia.current_stream()
    lab.launch("interrupts", us=500, effect=raises(interrupt))
    with pytest.raises(type(interrupt)) as raised:
        while not stream.query():
            pass
        len([])
    assert raised.value is interrupt


def test_under_blocking_the_launch_raises_it(lab):
    lab.configure("blocking")
    with pytest.raises(KeyboardInterrupt):
        lab.launch("interrupts", us=1, effect=raises(KeyboardInterrupt()))


def test_it_is_raised_on_the_thread_that_ran_the_effect(lab):
    error = SystemExit(3)

    def body():
        lab.launch("exits", us=1, effect=raises(error))
        with pytest.raises(SystemExit) as raised:
            torch.mtia.synchronize()
        return raised.value is error

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(body).result(timeout=PATIENCE)


def test_where_nothing_may_be_thrown_it_is_raised_right_afterwards(lab):
    """Freeing memory with poison on runs what is due."""
    lab.configure("blocking", poison=True)
    x = torch.ones(8, device="mtia")
    lab.configure("modelled")
    lab.launch("interrupts", us=0.4, effect=raises(KeyboardInterrupt()))

    def free():
        nonlocal x
        del x
        len([])
        return "lost"

    with pytest.raises(KeyboardInterrupt):
        free()


def test_failures_beside_it_wait_for_the_next_synchronization(lab):
    lab.launch("fails", us=500, effect=raises(ValueError("no")))
    lab.launch("interrupts", us=1, effect=raises(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        torch.mtia.synchronize()
    with pytest.raises(RuntimeError, match="'fails' failed"):
        torch.mtia.synchronize()
    torch.mtia.synchronize()


def test_one_interrupt_ends_a_check(lab):
    def case(attempt):
        seen.append(attempt)
        lab.launch("k", us=1, effect=raises(KeyboardInterrupt()))
        torch.mtia.synchronize()

    seen = []
    with pytest.raises(KeyboardInterrupt):
        lab.check(lambda: 1, cases={"first": case, "second": case})
    assert len(seen) == 1


# --- Operators with kernels in Python, observers --------------------------------------------------


@pytest.fixture(scope="module")
def python_operator():
    """An operator whose kernel, and whose shape function, raise what they are told to."""
    told = {"kernel": None, "shape": None}

    @torch.library.custom_op("mtia_lab_tests::raises", mutates_args=(), device_types="cpu")
    def operator(x: torch.Tensor, number: int) -> torch.Tensor:
        if told["kernel"] is not None:
            raise told["kernel"]
        return x.clone()

    @operator.register_fake
    def shape(x, number):
        if told["shape"] is not None:
            raise told["shape"]
        return torch.empty_like(x)

    yield operator, told


@pytest.mark.parametrize("where", ["kernel", "shape"])
def test_an_interrupt_in_a_kernel_written_in_python_stays_what_it_is(
    lab, python_operator, where, interrupt
):
    operator, told = python_operator
    x = torch.ones(3, device="mtia")
    told[where] = interrupt
    try:
        with pytest.raises(type(interrupt)) as raised:
            operator(x, next(NEW))  # so that there is no plan yet
            torch.mtia.synchronize()
    finally:
        told[where] = None
    assert raised.value is interrupt
    assert operator(x, 3).tolist() == [1.0] * 3


def test_an_error_in_a_kernel_written_in_python_is_the_cause_of_its_failure(lab, python_operator):
    operator, told = python_operator
    x = torch.ones(3, device="mtia")
    assert operator(x, 7).tolist() == [1.0] * 3
    told["kernel"] = KeyError("key")
    try:
        operator(x, 7)
        with pytest.raises(RuntimeError, match="KeyError: 'key'") as raised:
            torch.mtia.synchronize()
    finally:
        error, told["kernel"] = told["kernel"], None
    assert raised.value.__cause__ is error


OBSERVER = """
import torch
def observer(*_):
    raise KeyboardInterrupt("now")
torch.mtia.attach_out_of_memory_observer(observer)
try:
    torch.empty(1 << 40, dtype=torch.uint8, device="mtia")
except BaseException as error:
    print(repr(error))
"""


def test_an_interrupt_in_an_observer_stays_what_it_is():
    """In a process of its own, since observers stay."""
    assert isolated.run(OBSERVER, devices=2).stdout == "KeyboardInterrupt('now')\n"


# --- Waiting behind another thread's effect -------------------------------------------------------


def test_waiting_behind_another_threads_effect_can_be_interrupted(lab):
    stream, started, released = torch.Stream("mtia"), threading.Event(), threading.Event()
    main, gave_up = threading.get_ident(), []

    def wait():
        stream.synchronize()

    def effect():
        started.set()
        line = wait.__code__.co_firstlineno + 1
        frame = None
        while frame is None or frame.f_code is not wait.__code__ or frame.f_lineno != line:
            frame = sys._current_frames()[main]
        _thread.interrupt_main()  # the other thread is in synchronize() now
        gave_up.append(not released.wait(5))

    def run():
        lab.launch("slow", us=1, effect=effect)
        torch.mtia.synchronize()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(run)
        started.wait(PATIENCE)
        with pytest.raises(KeyboardInterrupt) as raised:
            wait()
        released.set()
        done.result(timeout=PATIENCE)
    assert gave_up == [False]
    assert "effect of 'slow'" in raised.value.__notes__[0]
    stream.synchronize()


def join(use):
    thread = threading.Thread(target=use)
    thread.start()
    thread.join()


def join_one_that_joins(use):
    join(lambda: join(use))


def ask_a_pool(use):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(use).result()


def leave_a_pool(use):
    with ThreadPoolExecutor(1) as pool:
        pool.submit(use)


@pytest.mark.parametrize("wait_for", [join, join_one_that_joins, ask_a_pool, leave_a_pool])
def test_an_effect_that_waits_for_a_thread_that_uses_the_device_is_found_out(lab, wait_for):
    told = []

    def use():
        try:
            torch.mtia.synchronize()
        except RuntimeError as error:
            told.append(str(error))

    lab.launch("waits", us=1, effect=lambda: wait_for(use))
    torch.mtia.synchronize()
    assert len(told) == 1 and "the effect of 'waits' waits for this thread" in told[0]


def test_a_thread_that_nobody_waits_for_just_waits(lab):
    """Also one that the effect started, and the effect may wait for a thread that computes."""
    done = []

    def effect():
        join(lambda: done.append("computed"))
        threads.append(threading.Thread(target=lambda: done.append(torch.mtia.synchronize())))
        threads[0].start()

    threads = []
    lab.launch("starts", us=1, effect=effect)
    torch.mtia.synchronize()
    threads[0].join(PATIENCE)
    assert done == ["computed", None]


# --- In a notebook --------------------------------------------------------------------------------

BUSY = """
with mtia_lab.{}():
    print("ready", flush=True)
    while True:
        y = x @ x
"""


def test_twenty_of_twenty_interrupts_end_a_cell():
    manager_module = pytest.importorskip("jupyter_client.manager")
    manager, client = manager_module.start_new_kernel(kernel_name="python3")

    def run(code, ready=None):
        """Execute; interrupt it once it is ready; return how it ended."""
        # A kernel that stops on errors refuses what comes right after one.
        request = client.execute(code, stop_on_error=False)
        while ready is not None:
            message = client.get_iopub_msg(timeout=PATIENCE)
            if message["content"].get("text", "").startswith(ready):
                manager.interrupt_kernel()
                break
        replies = iter(functools.partial(client.get_shell_msg, timeout=PATIENCE), None)
        reply = next(r for r in replies if r["parent_header"].get("msg_id") == request)["content"]
        return reply.get("ename", reply["status"])

    try:
        assert run("import mtia_lab, torch; mtia_lab.load()") == "ok"
        # Big enough that few records are made until the interrupt is sent.
        assert run("x = torch.ones(400, 400, device='mtia')") == "ok"
        busy = [BUSY.format(recorder) for recorder in RECORDERS] * (TIMES // 2)
        assert [run(code, "ready") for code in busy] == ["KeyboardInterrupt"] * TIMES
        assert run("assert (x @ x).sum().item() == 400**3") == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
