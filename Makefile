# `make` lists the targets. CI runs `make lint test` and nothing else.
PYTHON ?= python3
JOBS ?= 2

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PEERS := .venv-bench
SOURCES := flows tasks models rasti tests benchmarks docs
CATALOGUES := $(wildcard rasti/locale/*/LC_MESSAGES/rasti.po)
# Proof of durability: `make chaos SECONDS=600 SEED=7`, `make simulate SCHEDULES=1000`, `make simulate SEED=42`.
SECONDS ?= 60
SCHEDULES ?= 10000
SIMULATE := $(BIN)/python -m tests.durability.simulation --jobs $(JOBS)
PYTEST := $(BIN)/python -m pytest --durations=10 --durations-min=1

.PHONY: help setup run test test-fast lint format bench bench-quick bench-intake mutants simulate chaos docs lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) $(CATALOGUES:.po=.mo) ## Build .venv and the message catalogues (nothing to do when up to date)

$(INSTALLED): requirements.lock requirements-test.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "rasti needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true)." >&2; \
		echo "Install one, or name it: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot build virtual environments: on Debian and Ubuntu install python3-venv." >&2; exit 1; }
	@echo "Building $(VENV) (once, a minute or two) ..."
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock -r requirements-test.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

%.mo: %.po $(INSTALLED)
	@$(BIN)/python -m rasti.i18n && touch $@

run: setup ## Start everything on this machine with the demo data (Ctrl-C stops it)
	@$(BIN)/rasti up --demo

test: setup ## Run all tests, the fast ones first, then print the speed figures
	$(PYTEST) -n $(JOBS) --dist worksteal tests --ignore tests/e2e
	$(PYTEST) tests/e2e
	@$(BIN)/python -m benchmarks.speed

test-fast: setup ## Run the tests that need no server
	$(PYTEST) -n $(JOBS) --dist worksteal tests/unit tests/integration tests/portal -m "not postgres and not prefect"

lint: setup ## Check style, types and the direction of imports
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: setup ## Put the code into its standard form
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

$(PEERS)/.installed: benchmarks/peers/requirements.txt
	@echo "Building $(PEERS) (once, a minute or two) ..."
	@$(PYTHON) -m venv --clear $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/peers/requirements.txt
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(PEERS)/prefect-redis prefect-redis==0.3.0
	@touch $@

bench: setup $(PEERS)/.installed ## Measure rasti beside its peers, into benchmarks/RESULTS.md (SECTION=ranking)
	@$(BIN)/python -m benchmarks $(if $(SECTION),--section $(SECTION))

bench-quick: setup $(PEERS)/.installed ## The same in small, under five minutes (SECTION=ranking)
	@$(BIN)/python -m benchmarks --quick $(if $(SECTION),--section $(SECTION))

bench-intake: setup ## Send leads to the API at a steady rate, and open a long list (RATE=50 SECONDS=60)
	@$(BIN)/python -m benchmarks.intake --rate $(or $(RATE),50) --seconds $(SECONDS)

mutants: setup ## Break each rule and each invariant in a copy and see its test, or the checker, turn red (minutes)
	@$(BIN)/python -m tests.mutants --jobs $(JOBS)

simulate: setup ## Play seeded schedules of faults over the ledger, or replay one (SCHEDULES=1000, or SEED=42)
	@$(SIMULATE) $(if $(SEED),--seed $(SEED) --postgres $(or $(POSTGRES),0),--schedules $(SCHEDULES) --postgres $(or $(POSTGRES),20))

chaos: setup ## Kill real processes while leads arrive, then check (SECONDS=60 SEED=1)
	@$(BIN)/python -m tests.durability.chaos --seconds $(SECONDS) --seed $(or $(SEED),1)

docs: setup ## Write docs/cli.md and docs/settings.md anew from the program
	@$(BIN)/python -m docs.reference

lock: setup ## Write the two lock files anew from .venv: what rasti needs, and what its tests need besides
	@$(BIN)/python -m pip freeze --all --exclude-editable --exclude pip > $(INSTALLED).all
	@$(PYTHON) -m venv --clear .venv-lock
	@.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(INSTALLED).all setuptools .
	@.venv-lock/bin/python -m pip freeze --all --exclude rasti --exclude pip > $(INSTALLED).run
	@{ sed -n '/^#/p' requirements.lock; cat $(INSTALLED).run; } > requirements.lock.new
	@{ sed -n '/^#/p' requirements-test.lock; grep -vxFf $(INSTALLED).run $(INSTALLED).all; } > requirements-test.lock.new
	@mv requirements.lock.new requirements.lock
	@mv requirements-test.lock.new requirements-test.lock
	@rm -rf .venv-lock build $(INSTALLED).all $(INSTALLED).run
	@touch $(INSTALLED)

clean: ## Remove what was built (not ./var, where the data is)
	rm -rf $(VENV) $(PEERS) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find flows tasks models rasti tests benchmarks docs -name __pycache__ -prune -exec rm -rf {} +
	rm -f $(CATALOGUES:.po=.mo)
