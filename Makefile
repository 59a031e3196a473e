# Any of them may be given: make test PYTHON=python3.12 VENV=.venv-312
PYTHON ?= $(shell for each in python3 python3.13 python3.12 python3.11 python; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && exit; \
	done; echo python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install -q --disable-pip-version-check

# What is installed, and for what; each is older than pyproject.toml when that has changed.
RUNS   := $(VENV)/.runs
TESTED := $(VENV)/.tested
SLOW   := $(VENV)/.slow

# A file of tests belongs to one worker, which has database servers of its own. In the order of
# their names the long ones come early, and short ones at the end keep all workers busy. The slow
# suites measure how much a machine bears: they run alone.
WORKERS ?= 2
SHARED  := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
PYTEST  := $(BIN)/python -m pytest -q $(SHARED)

.DEFAULT_GOAL := help
.PHONY: help run check test test-all test-chaos golden wheel bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/:.*## /	/' | expand -t 12

$(RUNS): pyproject.toml
	@found=$$($(PYTHON) --version 2>&1) || found="not there"; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Callboard needs Python 3.11 or newer; $(PYTHON) is $$found." >&2; \
		echo "Name another one: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make virtual environments: it lacks venv or ensurepip" >&2; \
		echo "(Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@echo "Installing Callboard in $(VENV), with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) -U 'pip>=25.1'
	@$(PIP) -e '.[all]'
	@touch $@

$(TESTED): $(RUNS)
	@echo "Installing what the checks and the tests need"
	@$(PIP) --group test --group check --group package
	@touch $@

$(SLOW): $(TESTED)
	@$(PIP) --group slow
	@touch $@

run: $(RUNS) ## the service on its embedded PostgreSQL, with the examples scheduled
	@$(BIN)/python examples/run.py

check: $(TESTED) ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check ## the checks and the suite, then the suite's core on the installed wheel
	$(PYTEST)
	$(BIN)/python tests/packaging/run_on_wheel.py $(SHARED)

test-all: check $(SLOW) ## the same with the slow suites
	$(BIN)/python -m pytest -q -m "slow or not slow" --hypothesis-profile=exploring
	$(BIN)/python tests/packaging/run_on_wheel.py

# Storms, and how long all of them take together; SEED=... repeats one, CHAOS=... are more options.
SEEDS   ?= 5
MINUTES ?= 10

test-chaos: $(TESTED) ## storms over up to 20 schedulers and their server: SEEDS=5 MINUTES=10
	@$(BIN)/python tests/acceptance/chaos.py --seeds $(SEEDS) --minutes $(MINUTES) $(SEED:%=--seed %) $(CHAOS)

golden: $(TESTED) ## the golden table of time: each row beside croniter and cronsim
	@$(BIN)/python -m pytest tests/domain/test_golden.py -q -s

wheel: $(TESTED) ## build the wheel and the source distribution in dist/
	$(BIN)/python -m build -q --no-isolation --outdir dist

# The peers live in places of their own; graphile-worker only where there is npm.
PEERS    := build/peers
GRAPHILE := build/graphile

$(PEERS)/.installed:
	@echo "Installing the peers in $(PEERS)"
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install -q --disable-pip-version-check uvloop \
		procrastinate 'pgqueuer[asyncpg]' 'apscheduler<4' sqlalchemy 'psycopg[binary,pool]'
	@touch $@

$(GRAPHILE)/.installed:
	@mkdir -p $(GRAPHILE)
	@! command -v npm >/dev/null || npm install --silent --no-fund --no-audit \
		--prefix $(GRAPHILE) graphile-worker
	@touch $@

bench: $(RUNS) $(PEERS)/.installed $(GRAPHILE)/.installed ## beside its peers: table, JSON, chart; BENCH="--only W1,W2"
	@$(BIN)/python -m benchmarks --peers-python $(PEERS)/bin/python --graphile $(GRAPHILE) \
		--json build/benchmarks.json --chart build/benchmarks.svg $(BENCH)

clean: ## remove what the targets made; the data of `make run` stays
	rm -rf $(VENV) .venv-wheel-* build dist
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find actors service sql tests examples benchmarks -name __pycache__ -prune -exec rm -rf {} +
