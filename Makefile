PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help run test test-all check bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -U 'pip>=25.1'
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[all]' --group test --group check --group package
	@touch $@

run: $(STAMP) ## the service on its embedded PostgreSQL, with the examples scheduled
	$(BIN)/python examples/run.py

check: $(STAMP) ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check ## the checks and the suite, then the suite's core on the installed wheel
	$(BIN)/python -m pytest -q
	$(BIN)/python tests/packaging/run_on_wheel.py

test-all: $(STAMP) ## every suite, the slow ones included
	$(BIN)/python -m pip install -q --disable-pip-version-check --group slow
	$(BIN)/python -m pytest -q -m "slow or not slow"
	$(BIN)/python tests/packaging/run_on_wheel.py

bench: $(STAMP) ## workloads W1-W4 against the peers that are installed, one table
	$(BIN)/python -m benchmarks

clean: ## remove what the targets made
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
