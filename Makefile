# Every target first sets up what it needs. Stamp files in .venv make a second run start at once.

PYTHON ?= python3
NPM ?= npm
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
NODE_DIR := tests/javascript
CLIENT_DIR := clients/typescript

# Two workers on two cores; a group (one room of system tests) stays on one worker.
PYTEST_WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(PYTEST_WORKERS) --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help demo test check pytest bench conformance venv lock format clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMPS)/run ## chat between two browser tabs (ARGS="--port 9000" is passed on)
	@exec $(BIN)/tidewire demo $(ARGS)

test: check pytest ## everything that must be green before a change lands

check: $(STAMPS)/dev $(STAMPS)/client ## format, lint, types, import layers, the tests' own lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.lint_tests
	$(BIN)/python -m tools.lint_repository
	cd $(CLIENT_DIR) && $(NPM) run --silent check

pytest: $(STAMPS)/dev $(STAMPS)/node $(STAMPS)/client $(STAMPS)/system ## the tests (ARGS="tests/history -x" narrows them)
	$(PYTEST) $(ARGS)

conformance: $(STAMPS)/dev ## all 517 cases of the Autobahn suite (about a quarter of an hour)
	$(BIN)/python -m tests.conformance.autobahn --cases all

bench: $(STAMPS)/dev ## measure beside peers, and write bench/RESULTS.md
	$(BIN)/python -m bench.run $(ARGS)

venv: $(STAMPS)/dev ## the development environment, and nothing else

lock: $(STAMPS)/venv pyproject.toml ## resolve the dependencies anew and write requirements/*.txt
	$(PIP_INSTALL) --require-hashes -r requirements/lock.txt
	UV=$(BIN)/uv tools/lock.sh

format: $(STAMPS)/dev ## let ruff rewrite what `make check` would refuse
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove everything these targets made
	rm -rf $(VENV) $(NODE_DIR)/node_modules $(CLIENT_DIR)/node_modules $(CLIENT_DIR)/dist dist build .cache .*_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up -----------------------------------------------------------------------------------

$(STAMPS)/venv:
	@tools/system_packages.sh python
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: $(STAMPS)/venv requirements/build.txt requirements/run.txt pyproject.toml
	@echo "Installing Tidewire and what it runs on into $(VENV) (once)"
	@$(PIP_INSTALL) --require-hashes -r requirements/build.txt -r requirements/run.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/dev: $(STAMPS)/run requirements/dev.txt
	@echo "Installing the development tools into $(VENV) (once)"
	@$(PIP_INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

$(STAMPS)/node: $(STAMPS)/venv $(NODE_DIR)/package-lock.json
	@tools/system_packages.sh node
	@echo "Installing the Node packages the tests speak to (once)"
	@cd $(NODE_DIR) && $(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@

$(STAMPS)/client: $(STAMPS)/venv $(CLIENT_DIR)/package-lock.json
	@tools/system_packages.sh node
	@echo "Installing what the browser client is built with (once)"
	@cd $(CLIENT_DIR) && $(NPM) ci --no-audit --no-fund --loglevel=error
	@touch $@

$(STAMPS)/system: $(STAMPS)/venv tools/system_packages.sh
	@tools/system_packages.sh chromium
	@touch $@
