# `make demo` and `make test` need only Python 3.11 to 3.13 with venv; they do the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export TF_CPP_MIN_LOG_LEVEL ?= 3
# What they run stands in noxfile.py; here it runs in the environment that make sets up.
NOX := PATH="$(CURDIR)/$(BIN):$$PATH" nox --no-venv --session

.PHONY: demo test quick check coverage docs bench stress fuzz matrix test-min clean

demo: $(VENV)/ready
	$(BIN)/skimbalance compare page_blocks --objective f1_macro --out which_strategy.html

test: $(VENV)/ready
	$(NOX) tests

# Everything that trains no network and starts no process.
quick: $(VENV)/ready
	$(NOX) quick

check: $(VENV)/ready-check
	$(NOX) check

# All tests, and which lines and branches of the package they run: a page in htmlcov/.
coverage: $(VENV)/ready-check
	$(NOX) coverage

# Predictive quality has the peers of ".[bench]" beside it, as far as they are installed. Their CPU
# seconds do not count threads that wait.
bench: $(VENV)/ready
	OMP_WAIT_POLICY=passive $(BIN)/python benchmarks/quality.py
	for script in single_fit grid_search own_network imports compare strategies decision multilabel sequence step predict ensemble memory serving onnx_agreement kills reliability scale rounds; do $(BIN)/python benchmarks/$$script.py || exit 1; done

# Random trees of parallel tasks, with faults; `make stress ARGS="--seed 1"` draws others.
stress: $(VENV)/ready
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/stress.py $(ARGS)

# Damaged model files, tables and command lines, and the files of the peers that are installed.
fuzz: $(VENV)/ready
	OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/fuzz.py $(ARGS)

# The site, in docs/_build/html: runs the code of its pages, and the scripts of its gallery.
docs: $(VENV)/ready-docs
	$(NOX) docs

# What works with what: docs/project/matrix.md, from tests/matrix.
matrix: $(VENV)/ready
	PYTHONPATH=tests $(BIN)/python -m matrix.table

# The lower bounds of pyproject.toml, each at its oldest release.
test-min: $(VENV)/ready
	$(BIN)/nox --session min

clean:
	rm -rf $(VENV) .nox build dist htmlcov *.egg-info

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet nox --editable ".[test]"
	touch $@

$(VENV)/ready-check: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --editable ".[check]"
	touch $@

$(VENV)/ready-docs: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --editable ".[docs]"
	touch $@
