# Two commands on a fresh machine: `make demo` and `make test`. Both make their own environment in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test unit integration lint types bench clean lock

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo ARGS='--speed 1 --port 8080' passes options on; 'metrla --help' lists the command's own."

setup: $(STAMP) ## the environment in .venv: Python and PyPI are all it needs

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "metrla needs Python 3.11 or newer; set PYTHON=")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the pinned dependencies into $(VENV) (about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## the whole pipeline and its page on http://127.0.0.1:8000, until Ctrl-C
	@exec $(BIN)/metrla demo $(ARGS)

test: lint types unit integration ## everything that needs no server of others: lint, types, all tests

unit: setup ## pure logic and contracts of the embedded implementations
	$(BIN)/pytest -m "not integration" $(ARGS)

integration: setup ## real processes over the embedded broker, end to end
	$(BIN)/pytest -m integration $(ARGS)

lint: setup ## ruff and the import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: setup ## mypy --strict over everything
	$(BIN)/mypy

bench: setup ## ratios against a baseline in the same run
	@for benchmark in benchmarks/*.py; do echo "== $$benchmark"; $(BIN)/python $$benchmark || exit 1; done

lock: ## resolve pyproject.toml anew into requirements.lock
	@$(PYTHON) -m venv build/lock && build/lock/bin/pip install --quiet pip-tools
	build/lock/bin/pip-compile --quiet --extra train --extra dev --strip-extras --generate-hashes --upgrade \
	    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements.lock pyproject.toml

clean: ## the environment, caches and what demos left
	rm -rf $(VENV) .metrla build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
