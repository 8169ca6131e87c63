"""The C++ driver of sim/, compiled without PyTorch's headers. `make sanitize` adds sanitizers."""

import re

import sanitize


def test_the_driver_builds_without_torch_and_passes(capsys):
    sanitize.main(sanitize.PLAIN)
    assert capsys.readouterr().out == "clean: plain\n"


def test_sim_includes_nothing_of_pytorch():
    for source in sorted(path for path in sanitize.SIM.rglob("*") if path.is_file()):
        for name in re.findall(r'#include ["<](.*?)[">]', source.read_text(encoding="utf-8")):
            assert not re.match(r"(torch/|c10/|ATen/|Python\.h)", name), (source.name, name)
