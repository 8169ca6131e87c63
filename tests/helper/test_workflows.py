"""What GitHub runs: the workflows are sound, and what they call is there."""

import re
import shutil
import subprocess

import pytest
import yaml
from notebook_files import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def steps(workflow: dict) -> list[str]:
    jobs = workflow["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_a_workflow_runs_is_there(path):
    commands = steps(yaml.safe_load(path.read_text()))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [target for line in commands for target in re.findall(r"\bmake ([a-z-]+)", line)]
    assert all(re.search(rf"^{target}:.*##", makefile, re.MULTILINE) for target in targets)
    files = [name for line in commands for name in re.findall(r"[\w./-]*/[\w.-]+", line)]
    assert targets or files
    assert all((ROOT / name).is_file() for name in files)


def test_every_supported_release_is_run_on_both_kinds_of_machine():
    jobs = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"]
    table = jobs["matrix"]["strategy"]["matrix"]
    assert table["torch"] == "${{ fromJSON(needs.supported.outputs.torch) }}"
    assert [name.endswith("-arm") for name in table["machine"]] == [False, True]
    assert table["machine"] == jobs["pinned"]["strategy"]["matrix"]["machine"]
    [command] = steps({"jobs": {"supported": jobs["supported"]}})
    assert command == 'echo "torch=$(python3 tools/matrix.py --list)" >> "$GITHUB_OUTPUT"'


def test_actionlint_has_nothing_to_say():
    if (command := shutil.which("actionlint")) is None:
        pytest.skip("no actionlint on this machine; the workflow `test` runs it")
    run = subprocess.run([command, *WORKFLOWS], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
