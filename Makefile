# The only interface, for people and for CI. `make` alone lists the targets.
# PYTHON=python3.12 chooses the interpreter that makes .venv (3.11 or later, with venv).
# ARGS="-k fence -x" is handed to pytest by `make test`.

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench docs lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: ## make .venv from the hashed lock; nothing to do when it is current
	@$(PYTHON) tools/setup.py

demo: setup ## a whole site on this machine: share, connect, kill the primary, watch
	@$(BIN)/python -m stack.demo

test: setup ## every test; ARGS="-k word" to choose
	@$(BIN)/python -m pytest $(ARGS)

check: setup ## style, format, types (mypy and pyright, strict), imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: setup ## measure a whole site beside its peers and write bench/results
	@$(BIN)/python -m bench

docs: setup ## write the pages that are made from the code
	@$(BIN)/python -m tools.docs

lock: setup ## write both locks anew; UPGRADE=--upgrade takes newer versions
	$(COMPILE) $(UPGRADE) --output-file requirements.lock pyproject.toml
	$(COMPILE) $(UPGRADE) --extra embedded --group dev --constraint requirements.lock \
		--output-file requirements-dev.lock pyproject.toml

clean: ## remove .venv, caches and whatever was built
	rm -rf .venv .setup.lock .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage* \
		htmlcov build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
