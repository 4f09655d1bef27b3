# `make demo` and `make test` need only Python 3.11 or newer with venv; they do the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export TF_CPP_MIN_LOG_LEVEL ?= 3
# Tests wait for threads and processes now and then: three at a time keep two cores busy. With the
# tests' small matrices threads of BLAS would only wait for each other.
PYTEST := python -m pytest -n 3 --dist worksteal
test quick test-min: export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo test quick check docs bench matrix test-min clean

demo: $(VENV)/ready
	$(BIN)/skimbalance compare page_blocks --objective f1_macro --out which_strategy.html

test: $(VENV)/ready
	$(BIN)/$(PYTEST)

# Everything that trains no network and starts no process.
quick: $(VENV)/ready
	$(BIN)/$(PYTEST) -m "not slow"

check: $(VENV)/ready-check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell skimbalance tests examples benchmarks docs *.md
	$(BIN)/mypy skimbalance

# Predictive quality has the peers of ".[bench]" beside it, as far as they are installed. Their CPU
# seconds do not count threads that wait.
bench: $(VENV)/ready
	OMP_WAIT_POLICY=passive $(BIN)/python benchmarks/quality.py
	for script in single_fit grid_search own_network compare decision multilabel sequence step predict ensemble memory; do $(BIN)/python benchmarks/$$script.py || exit 1; done

# The site, in docs/_build/html: runs the code of its pages, and the scripts of its gallery.
docs: $(VENV)/ready-docs
	$(BIN)/python -m pytest -n 2 docs
	$(BIN)/sphinx-build --fail-on-warning --keep-going -q docs docs/_build/html

# What works with what: docs/project/matrix.md, from tests/matrix.
matrix: $(VENV)/ready
	PYTHONPATH=tests $(BIN)/python -m matrix.table

# The lower bounds of pyproject.toml, each at its oldest release.
test-min: .venv-min/ready
	.venv-min/bin/$(PYTEST)

clean:
	rm -rf $(VENV) .venv-min build dist *.egg-info

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[test]"
	touch $@

$(VENV)/ready-check: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --editable ".[check]"
	touch $@

$(VENV)/ready-docs: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	touch $@

.venv-min/ready: pyproject.toml .ci/lower-bounds.txt
	$(PYTHON) -m venv .venv-min
	.venv-min/bin/python -m pip install --quiet --constraint .ci/lower-bounds.txt --editable ".[test]"
	touch $@
