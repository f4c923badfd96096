# cowscope. `make run` and `make test` do all set-up themselves; `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help run test check format lock bench browser wheel docs pictures clean

HOST ?= 127.0.0.1
PORT ?= 8000
BROWSER ?= yes
TESTS ?= tests
PYTEST_ARGS ?=
BIN := .venv/bin

define find_python
for python in python3.12 python3.11 python3.13 python3.14 python3; do
  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi
  python=
done
endef

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

run: .venv/.run-ready ## serve on http://127.0.0.1:8000 (PORT=8123 for another port)
	@exec $(BIN)/cowscope serve --host $(HOST) --port $(PORT)

test: .venv/.test-ready browser ## every test (TESTS=tests/store for some, BROWSER=no without a browser)
	@$(BIN)/python -m pytest $(TESTS) $(PYTEST_ARGS) $(if $(filter no,$(BROWSER)),-m "not browser")

check: .venv/.test-ready ## format, lint, types and import rules
	@$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.test-ready ## write the canonical format, and the generated pages of docs/
	@$(BIN)/python docs/generate.py
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: ## how to run the benchmarks
	@echo 'Each benchmark is one command that prints medians and ratios of one run:'
	for file in benchmarks/[a-z]*.py; do
	  [ -e "$$file" ] || { echo '  (none is here yet)'; break; }
	  printf '  $(BIN)/python %-32s %s\n' "$$file" "$$(sed -n '1s/^"""//; 1s/"""$$//; 1p' "$$file")"
	done

docs: .venv/.test-ready ## the documentation in site/, from docs/
	@$(BIN)/python docs/generate.py
	$(BIN)/sphinx-build --quiet --fresh-env --fail-on-warning --keep-going docs site
	echo 'Open site/index.html'

pictures: .venv/.test-ready browser ## the pictures in docs/pictures, from the program as it is
	@$(BIN)/python -m tests.pictures

wheel: .venv/.test-ready ## a wheel in dist/
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

lock: .venv/.run-ready ## resolve pyproject.toml into the two lock files again
	@$(BIN)/python -m pip install --quiet uv
	for groups in 'requirements.lock --group build' 'requirements-dev.lock --group build --group dev --group docs'; do
	  $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml -o $$groups
	done

clean: ## remove everything that make made (not the data)
	@rm -rf .venv dist site .mypy_cache .pytest_cache .ruff_cache .hypothesis htmlcov .coverage test-results

.venv/bin/python:
	@$(find_python)
	if [ -z "$$python" ] || ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv
	    $(find_python)
	  fi
	fi
	if [ -z "$$python" ]; then
	  echo 'cowscope needs Python 3.11 or newer. On Debian 12, Ubuntu 24.04 or newer: apt-get install python3 python3-venv' >&2; exit 1
	fi
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then
	  echo "$$python cannot make a virtual environment. Install its venv module: apt-get install $$(basename $$(readlink -f $$(command -v $$python)))-venv" >&2; exit 1
	fi
	"$$python" -m venv .venv

.venv/.run-ready: .venv/bin/python requirements.lock pyproject.toml
	@echo 'Installing the locked dependencies into .venv ...'
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

.venv/.test-ready: .venv/.run-ready requirements-dev.lock
	@echo 'Installing the locked tools for the tests into .venv ...'
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	touch $@

browser: .venv/.test-ready
	@if [ "$(BROWSER)" = no ] || $(BIN)/python -m tests.browser >/dev/null; then exit 0; fi
	if [ "$$(id -u)" = 0 ] && grep -qE '^ID=debian' /etc/os-release 2>/dev/null; then
	  echo 'Installing chromium for the browser tests ...'
	  apt-get update -qq
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core fonts-liberation >/dev/null
	elif [ "$$(id -u)" = 0 ]; then
	  $(BIN)/playwright install --with-deps chromium || true
	fi
	$(BIN)/python -m tests.browser >/dev/null
