# Two commands on a fresh machine: `make demo` and `make test`. Both make their own environment in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
ARGS   ?=
# A chaos run: readings fed, kills of each service, seed, what it runs on (native, kafka or embedded), and HOSTILE=1.
READINGS ?= 5000
KILLS    ?= 3
SEED     ?= 1
STACK    ?= native
HOSTILE  ?=
# Minutes of `make fuzz`.
MINUTES  ?= 60

.DEFAULT_GOAL := help
.PHONY: help sbom audit client docs setup demo demo-real stack-up stack-down stack-status test unit integration real lint types chaos fuzz bench clean lock

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

stack-up: setup ## real Kafka, HDFS and HBase on this machine (Java 17 or newer; Maven the first time)
	@$(BIN)/metrla stack up $(ARGS)

stack-down: setup ## stop them; their data stay
	@$(BIN)/metrla stack down $(ARGS)

stack-status: setup ## show them
	@$(BIN)/metrla stack status $(ARGS)

demo-real: setup ## the demo on those servers instead of the embedded ones
	@exec $(BIN)/metrla demo --real $(ARGS)

test: lint types unit integration real ## lint, types, all tests; those on real servers where Java and Maven are

unit: setup ## pure logic and contracts of the embedded implementations; the page's where Node is
	@tests/javascript.sh test
	$(BIN)/pytest -n 2 --dist loadfile -m "not integration and not real" $(ARGS)

integration: setup ## real processes over the embedded broker, end to end
	$(BIN)/pytest -n 3 --dist loadfile -m "integration and not real" $(ARGS)

real: setup ## contracts and pipeline on real Kafka, HDFS and HBase, started for the run
	@tests/real.sh $(ARGS)

lint: setup ## ruff, the import contracts, dead code; ESLint where Node is
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/vulture
	@tests/javascript.sh lint

types: setup ## mypy --strict over everything
	$(BIN)/mypy

chaos: setup ## a feed under SIGKILLs of everything, then an audit: READINGS, KILLS, SEED, STACK, HOSTILE
	@exec $(BIN)/python -m tests.chaos --readings $(READINGS) --kills $(KILLS) --seed $(SEED) --stack $(STACK) $(if $(HOSTILE),--hostile) $(ARGS)

fuzz: setup ## hostile inputs for every decoder and reader: MINUTES
	@exec $(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(ARGS)

bench: setup ## ratios against a baseline in the same run
	@for benchmark in benchmarks/*.py; do echo "== $$benchmark"; $(BIN)/python -m $$(echo $${benchmark%.py} | tr / .) || exit 1; done

sbom: setup ## what it is made of: CycloneDX, from the lock file, in dist/; where cyclonedx-py can be had
	@mkdir -p dist build
	@test -x build/sbom/bin/cyclonedx-py || { $(PYTHON) -m venv build/sbom && \
	    build/sbom/bin/pip install --quiet --disable-pip-version-check cyclonedx-bom; } || \
	    { echo "skipped: cyclonedx-bom cannot be installed here (offline?)"; rm -rf build/sbom; exit 0; }; \
	    if test -x build/sbom/bin/cyclonedx-py; then \
	    build/sbom/bin/cyclonedx-py requirements --of JSON -o dist/sbom.json requirements-runtime.lock && ls dist/sbom.json; fi

audit: setup ## known faults of the pinned dependencies; where pip-audit and its source can be reached
	@mkdir -p build
	@test -x build/audit/bin/pip-audit || { $(PYTHON) -m venv build/audit && \
	    build/audit/bin/pip install --quiet --disable-pip-version-check pip-audit; } || \
	    { echo "skipped: pip-audit cannot be installed here (offline?)"; rm -rf build/audit; exit 0; }; \
	    if test -x build/audit/bin/pip-audit; then tests/audit.sh build/audit/bin/pip-audit; fi

client: setup ## the distribution metrla-client, in dist/
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist metrla/client
	@ls dist/metrla_client-*.whl

docs: setup ## the pages that are made from the code
	$(BIN)/metrla settings --markdown > docs/settings.md

lock: ## resolve pyproject.toml anew into requirements.lock, and of it what the image needs into requirements-runtime.lock
	@$(PYTHON) -m venv build/lock && build/lock/bin/pip install --quiet pip-tools
	build/lock/bin/pip-compile --quiet --extra train --extra dev --strip-extras --generate-hashes --upgrade \
	    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements.lock pyproject.toml
	build/lock/bin/pip-compile --quiet --strip-extras --generate-hashes --constraint requirements.lock \
	    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements-runtime.lock pyproject.toml

clean: ## the environment, caches and what demos left
	rm -rf $(VENV) .metrla build dist node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
