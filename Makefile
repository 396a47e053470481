# make setup      a virtual environment in .venv with the package and all its extras
# make demo       the main job, from end to end, on embedded data
# make test       lint, types and the quick test-suite (what CI runs)
# make test-full  the statistical suites as well
# make docs       the site, into site/
# make federated  Flower in an environment of its own (.venv-federated), and its test
PYTHON ?= python3.11
BIN := .venv/bin
# Real data sets lie beside the checkout when there are any; tests that need one skip without it.
export ISOTROPY_DATA ?= $(wildcard $(abspath ../shared/data))

# What is compiled is kept: the suites start Python some hundred times.
unexport PYTHONDONTWRITEBYTECODE
# One thread for each of the two workers: trees and matrices that take every core wait for each other instead.
export OMP_NUM_THREADS := 1
# A file's tests stay with one worker, so that what they share is computed once.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --durations=15

.PHONY: setup demo test test-full lint docs federated clean

.venv/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv || python3 -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev,docs]'
	touch $@

setup: .venv/.installed

demo: setup
	$(BIN)/isotropy discover inertia --set nu=0.3 --set n=1000 --seed 0 --out runs/demo-inertia --engine process --resume
	$(BIN)/isotropy discover photos --out runs/demo-photos --engine process --resume

lint: setup
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/ruff format --check src tests benchmarks examples
	$(BIN)/pyright

test: lint
	$(PYTEST) -m "not slow"

test-full: setup
	$(PYTEST) -m slow

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Its pins and those of constraints.txt do not resolve together.
.venv-federated/.installed: pyproject.toml constraints-federated.txt
	test -x .venv-federated/bin/python || $(PYTHON) -m venv .venv-federated || python3 -m venv .venv-federated
	.venv-federated/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-federated.txt -e '.[federated]' pytest hypothesis beartype
	touch $@

federated: .venv-federated/.installed
	.venv-federated/bin/python -m pytest -q tests/federation/test_flower.py

clean:
	rm -rf runs site build dist
