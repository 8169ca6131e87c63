"""The judge of the exercises: what it refuses and in which words, and that it leaves no trace."""

import re

import pytest
import torch

from mtia_lab.device import configuration
from mtia_lab.exercises.judge import judge, program_cases
from mtia_lab.exercises.judges import devices

WHY = "because"
CASES = "under modelled, under blocking, under latest, under random:1, under random:N, time"


def always(case):
    return lambda rng: {"case": case}


# --- No trace -------------------------------------------------------------------------------------


def raises(lab):
    raise ValueError("no")


def exits(lab):
    raise SystemExit(1)


def leaves_work(lab):
    for device in (0, 1):
        with torch.Stream(f"mtia:{device}"):
            lab.launch("long", us=1e6)


def leaves_failing_work(lab):
    with torch.mtia.device(1):
        lab.launch("division", us=50, effect=lambda: 1 / 0)


def leaks(lab):
    torch.mtia.set_stream(torch.Stream("mtia:0"))
    torch.mtia.set_stream(torch.Stream("mtia:1"))


def configures(lab):
    lab.configure("blocking", lab.Profile(launch_us=1), poison=True)


def is_right(lab):
    return True


@pytest.mark.parametrize(
    "answer",
    [raises, exits, leaves_work, leaves_failing_work, leaks, configures, is_right],
    ids=lambda answer: answer.__name__,
)
def test_all_is_as_before_whatever_the_answer_does(answer, lab):
    mine = torch.Stream("mtia:0")
    torch.mtia.set_stream(mine)
    torch.mtia.set_device(1)
    lab.configure("random:5", lab.Profile(queue_depth=7), poison=True)
    before = configuration(), lab.state()
    assert judge(answer, always(lambda f: f(lab) is True), why=WHY).ok == (answer is is_right)
    assert (configuration(), lab.state()) == before
    assert before[0][:3] == ("random:5", lab.Profile(queue_depth=7), True)
    assert before[1] == (1, mine.stream_id, 0)
    assert is_idle(lab)
    lab.configure(poison=False)


def is_idle(lab):
    """Only then can it be configured."""
    lab.configure()
    return True


def test_an_interrupt_is_no_answer_and_leaves_all_as_before(lab):
    def interrupted():
        leaves_work(lab)
        leaks(lab)
        raise KeyboardInterrupt

    lab.configure("latest")
    with pytest.raises(KeyboardInterrupt):
        judge(interrupted, always(lambda f: f()), why=WHY)
    assert configuration()[:3] == ("latest", lab.Profile(), False)
    assert lab.state() == (0, 0, 0) and is_idle(lab)


# --- Each case ------------------------------------------------------------------------------------


def test_each_case_begins_idle_at_defaults_whatever_the_one_before_left(lab):
    seen = []

    def case(answer):
        seen.append((lab.state(), configuration().schedule))
        return answer(lab)

    torch.mtia.set_stream(torch.Stream("mtia"))
    lab.configure("latest")
    judge(leaks, lambda rng: {"one": case, "two": case}, why=WHY)
    assert seen == [((0, 0, 0), "modelled")] * 2


def test_the_device_costs_what_the_exercise_says(lab):
    profile = lab.Profile(launch_us=7)
    lab.configure(profile=lab.Profile(launch_us=1))

    def cost(_):
        begin = lab.host_clock()
        lab.launch()
        return lab.host_clock() - begin == 7

    assert judge(is_right, always(cost), why=WHY, profile=profile).ok
    assert not judge(is_right, always(cost), why=WHY).ok


def test_no_attempt_sees_the_inputs_of_another(lab):
    drawn = []
    cases = lambda rng: {"case": lambda _: drawn.append(rng.random())}  # noqa: E731
    assert all(judge(is_right, cases, why=WHY).ok for _ in range(3))
    assert len(set(drawn)) == 3


def test_a_right_answer_says_why_and_a_wrong_one_in_which_case(lab):
    cases = lambda rng: {"is three": lambda n: n == 3 or f"{n} is another number"}  # noqa: E731
    assert repr(judge(3, cases, why=WHY)) == "right: because"
    said = repr(judge(4, cases, why=WHY))
    assert said == "not yet: 0 of 1 right\n  is three: 4 is another number"
    assert judge("3", cases, why=WHY, wants=int).status == "wrong type"


def test_what_is_not_filled_in_is_not_run(lab):
    def stub(): ...

    def no_cases(rng):
        raise AssertionError("asked for cases")

    assert judge(stub, no_cases, why=WHY).status == "not started"
    assert judge(..., no_cases, why=WHY).status == "not started"


def test_a_kernel_that_fails_behind_the_answers_back_is_told_of_as_such(lab):
    said = repr(judge(leaves_failing_work, always(lambda f: f(lab)), why=WHY))
    assert "  case: work that it did not wait for failed: RuntimeError: kernel 'division'" in said


# --- A part of a program --------------------------------------------------------------------------


def wait(two, one):
    two.wait_stream(one)


def tenfold(answer, number):
    """10 * (number + 1), on two streams; the answer is called between them."""
    one, two = torch.Stream("mtia"), torch.Stream("mtia")
    x = torch.full((4,), number).to("mtia")
    with one:
        x += 1
    answer(two, one)
    with two:
        return (x * 10).mean().item()


def some_number(rng):
    return (float(rng.randrange(1, 1000)),)


@pytest.fixture
def verdict(lab):
    """The lines of what is said about an answer, or "right"."""

    def verdict(answer, program=tenfold, reference=wait, **options):
        options = {"inputs": some_number} | options
        feedback = judge(
            answer, lambda rng: program_cases(program, reference, rng, **options), why=WHY
        )
        said = re.sub(r"random:\d{2,}", "random:N", repr(feedback))
        return "right" if feedback.ok else [line.strip() for line in said.splitlines()]

    return verdict


def test_one_wait_is_right(verdict):
    assert verdict(wait) == "right"


def test_an_answer_that_changes_nothing_is_right_by_luck_under_some_schedules(verdict):
    head, *lines = verdict(lambda two, one: 0)
    assert head == "not yet: 1 of 6 right"  # that is the time
    luck, unlucky = (next(line for line in lines if part in line) for part in ("luck", "latest"))
    assert luck.startswith("under modelled, under blocking, ")
    assert luck.endswith(": right by luck: read-after-write race, between add_ and mul")
    assert "under latest: expected " in unlucky


def test_an_answer_that_takes_too_long_is_wrong(lab, verdict):
    def wait_longer(two, one):
        with one:
            lab.launch("long", us=100)
        two.wait_stream(one)

    (line,) = verdict(wait_longer)[1:]
    assert line.startswith("time: took 11") and line.endswith("µs, and 13 µs will do")
    assert verdict(wait_longer, slack=20) == "right"


def test_an_answer_that_waits_twice_waits_in_vain(verdict):
    def twice(two, one):
        two.wait_stream(one)
        two.wait_stream(one)

    assert verdict(twice, slack=2)[1:] == ["time: waits in vain: needless wait"]
    assert verdict(twice, reference=twice) == "right"


def test_a_value_that_is_right_but_not_computed_is_wrong(verdict):
    def whole(answer, number):
        return answer(number)

    def on_the_device(number):
        return tenfold(wait, number)

    def on_the_host(number):
        return (number + 1) * 10

    options = {"program": whole, "reference": on_the_device}
    assert verdict(on_the_host, **options) == "right"
    assert verdict(on_the_host, kernels=["add_"], **options)[1:] == [
        "what runs on the device: add_ has to run once, and ran not at all"
    ]
    assert verdict(on_the_device, kernels=["add_", "mul", "copy"], **options) == "right"


def test_what_was_right_once_is_wrong_with_other_inputs_and_in_clean_memory(verdict):
    """A buffer that holds the last run's right value, and a value that was computed once."""
    last = []

    def whole(answer, number):
        return answer(number)

    def once(number):
        last[:] = last or [tenfold(wait, number)]
        return last[0]

    assert verdict(once, program=whole, reference=lambda number: tenfold(wait, number)) != "right"


def test_memory_is_poisoned_under_every_schedule(verdict):
    """The host reads without a wait, where the right value of the run before would lie."""

    def download(answer, number):
        result = torch.full((4,), 3.0).to("mtia").to("cpu", non_blocking=True)
        answer()
        return result.mean().item()

    lines = verdict(lambda: 0, download, torch.mtia.synchronize)[1:]
    (nan,) = [line for line in lines if line.endswith(": expected 3.0, got nan")]
    assert nan.startswith("under modelled, under latest, ")
    assert verdict(torch.mtia.synchronize, download, torch.mtia.synchronize) == "right"


def test_what_the_program_asserts_is_said_once_for_all_cases(verdict):
    def picky(answer, number):
        raise AssertionError("a tensor was asked for, and nothing came")

    assert verdict(wait, picky, lambda: 1) == [
        "not yet: 0 of 6 right",
        f"{CASES}: a tensor was asked for, and nothing came",
    ]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (lambda a, b: True, "right"),
        (lambda *all: True, "right"),
        (lambda a, b, c=3: True, "right"),
        (lambda a: True, "wrong type"),
        (lambda a, b, c: True, "wrong type"),
    ],
)
def test_a_function_of_other_arguments_is_told_how_it_is_called(answer, status, lab):
    found = judge(answer, always(lambda f: f(1, 2)), takes=("a", "b"), why=WHY)
    assert found.status == status
    assert found.ok or found.message == "it is called like this: <lambda>(a, b)"


@pytest.mark.parametrize("rows", range(4, 9))
def test_where_the_data_lie_does_not_decide_whether_gradients_are_right(lab, rows):
    """A kernel of the CPU adds rows in another order if they begin at no multiple of 64 bytes."""
    data = torch.randn(2 * rows, 5), torch.randint(3, (2 * rows,))
    shares = [devices._share(rank, *data) for rank in range(2)]
    views, copies = (
        [devices.gradients(devices.model(7), *share) for share in each]
        for each in (shares, [[part.clone() for part in share] for share in shares])
    )
    means = [torch.stack(each).mean(0) for each in zip(*copies, strict=True)]
    assert devices._compared([means] * 2, views) is None
    assert "its own" in devices._compared(copies, views)
