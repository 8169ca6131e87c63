"""The rules for notebooks, held against one good notebook and against it broken in every way."""

from copy import deepcopy

import house_rules
import nbformat
import pytest
import sound_rules
from nbformat.v4 import new_output
from notebook_files import code, markdown, notebook, tags, write

RULES = {rule.__name__: rule for rule in sound_rules.SOUND + house_rules.HOUSE}

LAW = 14  # the cell with laws in the good notebook
PREDICT = 15  # the markdown cell before the guess
GUESS, CHECK = 13, 14  # code cells


def picture(text="+--+"):
    html = f'<img src="data:," alt="{text}">'
    data = {"text/plain": text, "image/svg+xml": "<svg/>", "text/html": html}
    return new_output("display_data", data=data)


def says(text):
    return new_output("stream", name="stdout", text=text)


def error(ename="ValueError", evalue="no", traceback=("ValueError: no",)):
    return new_output("error", ename=ename, evalue=evalue, traceback=list(traceback))


def good():
    """Build a notebook without a fault: [1] load, [2] to [12] pictures, [13] guess, ..., [18]."""
    law = "> **Law** (*PyTorch*, `c10/core/Stream.h`). In order.\n\n> **Law** (*this device*). Now."
    gpu = "## On your GPU\n\n" + "gpu " * 60
    head = "# One\n\nDifficulty 1 of 5. 20 minutes. What you need to know: Python.\n\n"
    cells = [
        markdown(head + "See [the next one](02_two.ipynb) and [below](#What-you-now-know).\n"),
        code("import torch\n\nimport mtia_lab\n\nmtia_lab.load()"),
        markdown("word " * 900),
    ]
    cells += [code("draw()", picture()) for _ in range(11)]
    check = "# Check: what it is\nassert 1 == 1, 'one'\ncompare(guess_one, 1)"
    end = "# Check: the end\nassert mtia_lab.state() == (0, 0, 0), 'left'"
    cells += [
        markdown(law),
        markdown("**Predict** it."),
        code("guess_one = ...  # a number"),
        code(check, says("no guess. It is 1.\n"), tags=["check"], hidden=True),
    ]
    cells += [markdown("Text.") for _ in range(6)]
    cells += [
        code("def mine(): ...\ncheck(mine)", says("not started\n"), tags=["exercise"]),
        code(f"{house_rules.SOLUTION}\nmine = 1\nassert mine == 1", tags=["solution"], hidden=True),
        code("raise ValueError('no')", error(), tags=["raises-exception"]),
        code(end, tags=["check"], hidden=True),
        markdown(f"{gpu}\n\n## What you now know\n\n- *I write a backend*: [two](02_two.ipynb)."),
    ]
    for cell in cells:
        if "check" in tags(cell):
            del cell.metadata["jupyter"]["outputs_hidden"]
    return notebook(*cells)


def code_cell(nb, number):
    """Return the code cell with execution count `number`."""
    return [cell for cell in nb.cells if cell.cell_type == "code"][number - 1]


def prints(text, number=3):
    return lambda nb: code_cell(nb, number).outputs.append(says(text))


def source(number, text):
    return lambda nb: code_cell(nb, number).update(source=text)


def tag(number, *names):
    return lambda nb: code_cell(nb, number).metadata.update(tags=list(names))


def outputs(number, *found):
    return lambda nb: code_cell(nb, number).update(outputs=list(found))


def text(position, new):
    return lambda nb: nb.cells[position].update(source=new)


def appended(position, more):
    return lambda nb: nb.cells[position].update(source=nb.cells[position].source + more)


def without(position, old):
    def change(nb):
        assert old in nb.cells[position].source
        nb.cells[position].source = nb.cells[position].source.replace(old, "")

    return change


def replaced(position, old, new):
    def change(nb):
        nb.cells[position].source = nb.cells[position].source.replace(old, new)

    return change


def long_cell(count, number=3):
    return source(number, "\n".join(["x = 1"] * count))


def all_cells(count):
    def change(nb):
        for cell in nb.cells:
            if cell.cell_type == "code":
                cell.source = "\n".join(["x = 1"] * count)

    return change


def bare_picture(key):
    def change(nb):
        del code_cell(nb, 3).outputs[0].data[key]

    return change


BROKEN = [
    ("valid", lambda nb: nb.cells[0].update(cell_type="code"), "not a valid notebook"),
    ("kernel_is_named", lambda nb: nb.metadata.pop("kernelspec"), "kernelspec is None"),
    ("kernel_is_named", lambda nb: nb.metadata.kernelspec.update(name="ir"), "'ir'"),
    ("run_from_top_to_bottom", lambda nb: code_cell(nb, 2).update(execution_count=None), "None"),
    ("run_from_top_to_bottom", lambda nb: code_cell(nb, 2).update(execution_count=9), "9"),
    ("run_from_top_to_bottom", lambda nb: nb.cells.clear(), "no code cell"),
    ("nothing_is_skipped", source(3, "# NBVAL_SKIP\nassert False"), "NBVAL_SKIP"),
    ("nothing_is_skipped", source(3, "#NBVAL_IGNORE_OUTPUT\n1"), "NBVAL_IGNORE_OUTPUT"),
    ("nothing_is_skipped", tag(3, "nbval-ignore-output"), "nbval-ignore-output"),
    ("errors_are_announced", outputs(3, error()), "without the tag"),
    ("errors_are_announced", outputs(17), "did not raise"),
    ("errors_are_announced", prints("UsageError: Line magic `%x` not found."), "unknown magic"),
    ("something_is_stored", lambda nb: [outputs(n)(nb) for n in range(1, 19)], "nothing to"),
    ("machine_traces", prints("<function f at 0x7fe>"), "at 0x7fe"),
    ("machine_traces", prints("handle 0x55d0c0ffee00"), "0x55d0c0ffee00"),
    ("machine_traces", prints("cannot open /usr/lib/libc.so.6"), "/usr/lib/libc.so.6"),
    ("machine_traces", prints("'/me/.pyenv'"), "/me/.pyenv"),
    ("machine_traces", outputs(17, error(traceback=["File /opt/x/y.py:3"])), "/opt/x/y.py"),
    ("machine_traces", outputs(17, error(evalue="in '/opt/x/y.py'")), "/opt/x/y.py"),
    ("machine_traces", prints("my pid is pid=4711"), "pid=4711"),
    ("machine_traces", outputs(3, picture("C:\\Users")), "a path"),
    ("size", lambda nb: nb.cells.extend([markdown("x")] * 30), "open cells, not 25 to 45"),
    ("size", lambda nb: nb.cells.__delitem__(slice(16, 22)), "open cells, not 25 to 45"),
    ("judges_are_away", source(15, "mine = ...\nok = check(mine)"), "does not end in judge_it"),
    ("judges_are_away", source(15, "check(mine, 1)\ncheck(3)"), "does not end in judge_it"),
    ("judges_are_away", source(15, "mine = ...\nx = 1\ncheck(mine)"), "more than one thing"),
    ("guesses_are_taken", without(PREDICT, "**"), "write **Predict**"),
    ("guesses_are_taken", text(PREDICT, "Guess."), "belong together: guess_one"),
    ("guesses_are_taken", source(GUESS, "guess_one = 3"), "belong together: **Predict** it"),
    ("guesses_are_taken", source(GUESS, "guess_two = ..."), "nothing compares guess_two"),
    ("guesses_are_taken", source(GUESS, "guess_one = ...\nguess_one = ..."), "have one name"),
    ("checks_are_closed", lambda nb: code_cell(nb, CHECK).metadata.pop("jupyter"), "is a check"),
    ("checks_are_closed", source(CHECK, "assert 1, 'one'"), "does not begin with: # Check"),
    ("checks_are_closed", source(CHECK, "# Check: it\nassert 1"), "without words: assert 1"),
    ("checks_are_closed", source(CHECK, "# Check: it\ncompare(guess_one, 1)"), "asserts nothing"),
    ("checks_are_closed", source(3, "assert 1, 'one'"), "asserts in plain sight"),
    ("size", text(2, "few words"), "words, not 900"),
    ("size", text(2, "```\n" + "word " * 900 + "\n```"), "words, not 900"),
    ("size", appended(2, "word " * 1700), "words, not 900"),
    ("size", long_cell(26), "[3] has 26 lines"),
    ("size", all_cells(6), "median code cell has 6"),
    ("size", all_cells(17), "255 lines of code"),
    ("pictures_are_frequent", lambda nb: [outputs(n)(nb) for n in range(4, 9)],
     "[8] is the last of 5"),
    ("pictures_are_bundles", bare_picture("text/plain"), "no plain text"),
    ("pictures_are_bundles", bare_picture("text/html"), "no <img> with alt"),
    ("pictures_are_bundles", outputs(3, new_output("display_data", data={})), "output is empty"),
    ("begins_with_load", source(1, "import torch"), "does not import mtia_lab"),
    ("begins_with_load", source(1, "import mtia_lab"), "does not call mtia_lab.load()"),
    ("begins_with_load", source(1, "import mtia_lab\nprint(1)\nmtia_lab.load()"), "right after"),
    ("ends_at_default", source(18, "mtia_lab.state() == (0, 0, 0)"), "does not assert"),
    ("ends_at_default", source(18, "assert True"), "does not assert"),
    ("exercises_are_whole", lambda nb: [tag(15)(nb), outputs(15)(nb)], "no code cell has the tag"),
    ("exercises_are_whole", tag(15), "[15] prints \"not started\" without"),
    ("exercises_are_whole", outputs(15), 'does not print "not started"'),
    ("exercises_are_whole", tag(16), "[15] is an exercise without a solution"),
    ("exercises_are_whole", tag(16), "[16] is collapsed without the tag solution"),
    ("exercises_are_whole", tag(12, "solution"), "[12] is a solution without an exercise"),
    ("exercises_are_whole", lambda nb: code_cell(nb, 16).metadata.pop("jupyter"), "plain sight"),
    ("exercises_are_whole", source(16, "def mine(): return 1"), "without an assertion"),
    ("exercises_are_whole", source(16, "assert 1"), "[16] does not begin with: # Solution"),
    ("exercises_are_whole", lambda nb: code_cell(nb, 16).metadata["jupyter"].pop("outputs_hidden"),
     "[16] shows what its solution gives"),
    ("exercises_are_whole", lambda nb: [tag(12, "exercise")(nb), prints("not started", 12)(nb)],
     "[12] is an exercise without a solution"),
    ("head_and_foot", without(0, "Difficulty"), "difficulty"),
    ("head_and_foot", without(0, "minutes"), "minutes"),
    ("head_and_foot", without(0, "need to know"), "need to know"),
    ("head_and_foot", text(-1, "Next: [two](02_two.ipynb)"), "what you now know"),
    ("ways_go_on", without(-1, "[two](02_two.ipynb)"), "go on to [['02']]"),
    ("ways_go_on", appended(-1, "\n- *I use an accelerator*: [two](02_two.ipynb)."), "go on to []"),
    ("ways_go_on", text(-1, "## What you now know"), "*I write a backend*"),
    ("needs_are_taught", replaced(0, "Python", "notebook 00 and 05"), "'I write a backend': 05"),
    ("needs_are_taught", replaced(0, "Python", "notebooks 02 to 04"), "backend': 02, 03, 04"),
    ("laws_have_a_place", text(LAW, "Text."), "no law"),
    ("laws_have_a_place", without(LAW, " (*this device*)"), "without its place"),
    ("laws_have_a_place", appended(2, "\n\n**The law:** it is so."), "without its place"),
    ("laws_have_a_place", appended(2, "\n\n**Law** (*CUDA too*). So."), "without its place"),
    ("laws_have_a_place", without(LAW, ", `c10/core/Stream.h`"), "without its place"),
    ("laws_have_a_place", without(LAW, "core/"), "no c10/Stream.h"),
    ("laws_have_a_place", text(LAW, "> **Law** (*PyTorch*, `torch/no.py`). So."), "torch/no.py"),
    ("gpu_section", without(-1, "## On your GPU"), "no section"),
    ("gpu_section", without(-1, "## What you now know"), "no section"),
    ("gpu_section", text(-1, "## On your GPU\n\n## More\n\n## What you now know"), "no section"),
    ("gpu_section", without(-1, "gpu "), "has 0 words"),
    ("source_is_not_pasted", appended(2, "\n```cpp\nint x;\n```"), "pasted"),
    ("links_lead_somewhere", appended(2, "[x](03_three.ipynb)"), "nowhere: 03_three.ipynb"),
    ("links_lead_somewhere", appended(2, "![x](<img/x.png>)"), "nowhere: img/x.png"),
    ("links_lead_somewhere", appended(2, "[x](#Missing)"), "no heading: #Missing"),
    ("links_lead_somewhere", appended(2, "[x](02_two.ipynb#Missing)"), "no heading"),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which the good notebook, 01, has a next one."""
    folder = tmp_path_factory.mktemp("notebooks")
    write(folder / "02_two.ipynb", markdown("# Two\n\n## A *part* of it"))
    return folder


def complaints(rule, nb, folder):
    return list(RULES[rule](nb, folder / "01_one.ipynb"))


@pytest.mark.parametrize("rule", RULES)
def test_the_good_notebook_obeys(rule, folder):
    assert complaints(rule, good(), folder) == []


@pytest.mark.parametrize("rule, change, expected", BROKEN, ids=[rule for rule, *_ in BROKEN])
def test_a_broken_notebook_is_caught(rule, change, expected, folder):
    nb = deepcopy(good())
    change(nb)
    assert expected in "\n".join(complaints(rule, nb, folder))


def test_every_rule_is_broken_at_least_once():
    assert {rule for rule, *_ in BROKEN} == set(RULES)


def test_what_only_looks_like_a_trace_of_the_machine_is_allowed(folder):
    harmless = [
        "z ^= 0x9E3779B97F4A7C15  // splitmix",
        "1/2/3 and either/or/both, aten::add/foo",
        "https://pytorch.org/docs/stable/mtia.html",
        "  /--/--/  and </text></svg>",
        "…/mtia_lab/log.py, rapid 3",
    ]
    nb = good()
    code_cell(nb, 3).outputs = [says("\n".join(harmless))]
    assert complaints("machine_traces", nb, folder) == []


def test_links_to_headings_with_marks_and_to_the_network_are_fine(folder):
    nb = good()
    nb.cells[2].source += " [a](02_two.ipynb#A-part-of-it) [b](https://pytorch.org/none)"
    assert complaints("links_lead_somewhere", nb, folder) == []


def test_notebook_00_lists_both_ways_and_is_on_both(folder):
    ways = house_rules.WAYS
    lists = [f"**{way}**: " + " ".join(f"[x]({n}_x.ipynb)" for n in ns) for way, ns in ways.items()]
    foot = [f"- *{way}*: [x]({numbers[1]}_x.ipynb)" for way, numbers in ways.items()]
    nb = good()
    nb.cells[-1].source += "\n" + "\n".join(foot[:1])
    nb.cells[-1].source = nb.cells[-1].source.replace("[two](02_two.ipynb)", "[x](01_x.ipynb)")
    found = list(RULES["ways_go_on"](nb, folder / "00_start_here.ipynb"))
    assert len(found) == 2 and all("notebook 00 does not list" in line for line in found)
    nb.cells[2].source += "\n\n" + "\n\n".join(
        text.replace("[x](00_x.ipynb) ", "") for text in lists
    )
    assert list(RULES["ways_go_on"](nb, folder / "00_start_here.ipynb")) == []


def test_notebook_00_may_look_round_before_it_loads(folder):
    nb = good()
    code_cell(nb, 1).source = "import mtia_lab\n\nmtia_lab.__doc__"
    assert list(RULES["begins_with_load"](nb, folder / "00_start_here.ipynb")) == []


def test_the_good_notebook_is_one(folder):
    nbformat.validate(good())
