# Two commands do everything on a machine that has Python 3.11 or newer and make:
#   make demo    runs examples/fatfire; PORT= and CONSOLE_PORT= move its ports
#   make test    every check and every test but the slow ones
# and more for those who work on portable itself:
#   make test-full   the slow tests too
#   make bench       the benchmarks, into docs/benchmarks.md; BENCH="--quick --only http" for a part
#   make portability runs the conformance suite on every adapter, into docs/portability.md
#   make aws-stack   a stand-in of AWS on loopback, to deploy to without an account; until interrupted
#   make gcp-stack   the same of Google Cloud

PYTHON ?= python3
VENV := .venv
BENCH_VENV := .venv-bench
BENCH ?= --write docs/benchmarks.md
BIN := $(VENV)/bin
WORKERS ?= 2
DEMO_NEEDS := "ofxtools>=0.9.5" "CurrencyConverter>=0.18"

.DEFAULT_GOAL := help
.PHONY: help demo test test-full lint bench portability aws-stack gcp-stack clean

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { echo "there is no $(PYTHON); make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11; make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "this Python makes no virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . $(DEMO_NEEDS)
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo
	$(BIN)/portable dev examples/fatfire $(if $(PORT),--port $(PORT)) $(if $(CONSOLE_PORT),--console-port $(CONSOLE_PORT))

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports

test: lint
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow and not live"

test-full: lint
	$(BIN)/python -m pytest -n $(WORKERS) -m "not live"

$(BENCH_VENV)/.made: $(VENV)/.made pyproject.toml benchmarks/requirements.txt
	@test -x $(BENCH_VENV)/bin/python || $(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt --editable .
	@touch $@

bench: $(BENCH_VENV)/.made
	$(BENCH_VENV)/bin/python benchmarks/run.py $(BENCH)

portability: $(VENV)/.dev
	for adapter in local aws gcp; do \
		$(BIN)/python -m pytest -n $(WORKERS) tests/conformance/test_$$adapter.py \
			--portability-report docs/portability/$$adapter.json || exit 1; \
	done
	$(BIN)/python -m portable.testing.portability docs/portability --write docs/portability.md

aws-stack: $(VENV)/.dev
	$(BIN)/python -m tests.aws_stack.serve

gcp-stack: $(VENV)/.dev
	$(BIN)/python -m tests.gcp_stack.serve

clean:
	rm -rf $(VENV) $(BENCH_VENV) .venv-aws .venv-gcp .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
