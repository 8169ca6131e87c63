# Two commands: `make lab` and `make test`. `make help` lists the rest.
# Every path here is relative, so the checkout may lie in a folder of any name.

PYTHON ?= $(shell command -v python3.11 >/dev/null 2>&1 && echo python3.11 || echo python3)
PORT ?=
ARGS ?=

RUN := .venv/bin/python
READY := .venv/ready
TOOL := PYTHONPATH=tests/support $(RUN) tools
CPP_FILES = find cpp_extensions mtia_lab tests benchmarks -name '*.cpp' -o -name '*.h'
CLANG_FORMAT := $(RUN) -c 'import clang_format; clang_format.clang_format()'
ALLOW_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)  # containers; JupyterLab asks for it
# Settings for this server, beside the reader's own.
LAB := JUPYTER_CONFIG_PATH=".jupyter$${JUPYTER_CONFIG_PATH:+:$$JUPYTER_CONFIG_PATH}"
NBVAL := --nbval --nbval-current-env --nbval-cell-timeout=120
# A file to a worker, in the order of tests/conftest.py: what takes long may not come last, alone.
# There are more workers than cores, so each computes on one. They start processes by the hundred,
# each of which would compile the package anew where Python is told to keep no bytecode.
# By exec, so that what ends make ends pytest and not a shell in between.
SPREAD := -n auto --dist loadfile --no-loadscope-reorder
PYTEST := exec env PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(RUN) -m pytest $(SPREAD)

.PHONY: help lab test setup build lint unit test-ops notebooks site bench upstream matrix handout solutions sanitize faults contract-faults clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 20

lab: build  ## set up, build, open JupyterLab on the first notebook (PORT=..., ARGS="--no-browser ...")
	@$(RUN) -m mtia_lab notebooks
	@$(LAB) $(RUN) -m jupyterlab $(ALLOW_ROOT) $(if $(PORT),--port=$(PORT)) $(ARGS)

test: build lint  ## set up, then linters, unit tests and all notebooks
	@$(PYTEST) $(NBVAL) tests $(wildcard notebooks) $(ARGS)

# A moved checkout must be installed again: the environment names the folder it was made in.
setup:  ## create .venv and install what pyproject.toml names, as constraints.txt pins it
	@test "$$(cat $(READY) 2>/dev/null)" = "$$PWD" || rm -f $(READY)
	@$(MAKE) --silent $(READY)

$(READY): pyproject.toml constraints.txt
	@echo "Setting up .venv (once; downloads PyTorch and JupyterLab)"
	@$(PYTHON) -m venv .venv
	@$(RUN) -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	@printf '%s\n' "$$PWD" > $@

build: setup  ## build the simulated device, if this was not done yet
	@$(RUN) -m mtia_lab build

lint: setup  ## check the form of Python, notebooks and C++, the types of mtia_lab, and the spelling of all
	@$(RUN) -m ruff check --quiet .
	@$(RUN) -m ruff format --quiet --check .
	@$(RUN) -m mypy --no-error-summary
	@$(CPP_FILES) | xargs $(CLANG_FORMAT) --dry-run -Werror
	@$(RUN) -m codespell_lib .

unit: build  ## unit tests only
	@$(PYTEST) tests $(ARGS)

test-ops: build  ## every operator with all samples of all dtypes against the CPU; and the sweeps, one row in 8 (ARGS=--one-row-in=1: all)
	@$(RUN) -m pytest -n auto tests/tensors/test_ops.py tests/hazards/test_hazards_oracle.py \
		tests/tensors/test_host_operators.py --all-ops $(ARGS)
	@$(RUN) -m pytest tests/tensors/test_sweeps.py --all-ops $(ARGS)

notebooks: build  ## run every notebook and store its outputs
	@$(TOOL)/refresh_notebooks.py $(ARGS)

site: setup  ## write the site into site/: notebooks as they are stored, guides; it needs no server
	@$(TOOL)/website.py $@ $(ARGS)
	@echo "Open site/index.html"

bench: build  ## measure: builds, loads, streams, events
	@$(RUN) -m benchmarks $(ARGS)

upstream: build  ## PyTorch's own device-generic tests (PYTORCH=<checkout>), beside the same on the CPU
	@$(TOOL)/upstream.py $(PYTORCH) $(ARGS)

matrix: setup  ## all tests with other releases of torch (TORCH="2.13.0 2.14.1"), each in an environment of its own
	@$(TOOL)/matrix.py $(TORCH) $(if $(ARGS),-- $(ARGS))

handout: setup  ## notebooks for a class, without the solutions, in handout/
	@$(TOOL)/handout.py $@ $@

solutions: setup  ## the exercises and their solutions alone, in solutions/
	@$(TOOL)/handout.py $@ $@

sanitize: setup  ## address, undefined-behavior and thread sanitizers over simulator and device
	@$(TOOL)/sanitize.py
	@$(TOOL)/sanitize_device.py $(ARGS)

faults: build  ## hold the notebooks against backends that are wrong in one method at a time
	@$(TOOL)/faults.py $(ARGS)

contract-faults: build  ## hold the contract kit against the same backends, and against wrong guards
	@$(TOOL)/contract_faults.py $(ARGS)

clean:  ## delete .venv, the built devices in the user's cache, and what tools leave behind
	@test ! -x $(RUN) || $(RUN) -m mtia_lab clean
	rm -rf .venv .matrix .sanitized dist site .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
