# The only interface, for people and for CI. `make` alone lists the targets.
# PYTHON=python3.12 chooses the interpreter that makes .venv (3.11 or later, with venv).
# ARGS="-k fence -x" is handed to pytest by `make test`.

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"

# A site in containers: the index that this machine's pip uses, when it names one, builds the image.
PIP_INDEX_URL ?= $(filter http%,$(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null))
CONTAINERS = $(BIN)/python -m stack.containers

.DEFAULT_GOAL := help
.PHONY: help setup demo test check simulate mutants fuzz shown-faults storm chaos trials soak bench bench-failover bench-selection docs lock clean secrets image up down ps \
	traffic-node gateway test-compose

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## make .venv from the hashed lock; nothing to do when it is current
	@$(PYTHON) tools/setup.py

demo: setup ## a whole site on this machine: share, connect, kill the primary, watch
	@$(BIN)/python -m stack.demo

# No cache: two runs in one clone share nothing, and nobody's files block another user's run.
CACHE = -p no:cacheprovider

test: setup ## every test; ARGS="-k word" to choose; ARGS="tests/scenarios --rewrite-transcripts" writes transcripts anew
	@$(BIN)/python -m pytest $(CACHE) --numprocesses=auto --maxprocesses=4 --dist=loadfile \
		--no-loadscope-reorder --durations=20 --durations-min=1 $(ARGS)

check: setup ## style, format, types (mypy and pyright, strict), imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports

secrets: setup ## .env and the secrets of a site in containers, unless they are there
	@$(CONTAINERS) secrets

image: ## build the one image of every service
	PIP_INDEX_URL=$(PIP_INDEX_URL) docker compose build

up: setup ## the site of docker-compose.yml: build it, start or upgrade it, wait until it is healthy
	@PIP_INDEX_URL=$(PIP_INDEX_URL) $(CONTAINERS) up

down: setup ## stop that site and its extra nodes, or only NODE=lisbon; the volumes stay, unless VOLUMES=delete
	@$(CONTAINERS) down "$(NODE)" --volumes "$(VOLUMES)"

ps: setup ## the containers of that site, its extra nodes and gateways: state, up to date or not
	@$(CONTAINERS) ps

traffic-node: setup ## one more traffic node beside that site: NODE=lisbon RELAY_PORT=7446 REGION=eu TIMEZONE=Europe/Lisbon YES=1
	@$(CONTAINERS) traffic-node "$(NODE)" --port "$(RELAY_PORT)" --region "$(or $(REGION),eu)" \
		--timezone "$(TIMEZONE)" $(if $(YES),--yes)

gateway: setup ## one more gateway beside that site: NODE=alpha GATEWAY_PORT=8445
	@$(CONTAINERS) gateway "$(NODE)" --port "$(GATEWAY_PORT)"

test-compose: setup ## every test that needs Docker: the site in containers
	@$(BIN)/python -m pytest $(CACHE) tests/compose $(ARGS)

simulate: setup ## failover in a seeded world: SEEDS=2000, or SEEDS=17-42; ONLY=lease, sickness or site; TRANSCRIPT=yes prints what happens
	@TRANSCRIPT="$(TRANSCRIPT)" ONLY="$(ONLY)" $(BIN)/python -m tools.simulate $(or $(SEEDS),2000)

mutants: setup ## break every guard of failover and selection once; a test must notice: ONLY="word" to choose
	@$(BIN)/python -m tools.mutants $(if $(ONLY),"$(ONLY)")

fuzz: setup ## feed every decoder whatever may come: SECONDS=60 each, or 1,000,000 times; ONLY=crypto to choose
	@SECONDS="$(or $(SECONDS),60)" ONLY="$(ONLY)" $(BIN)/python -m tools.fuzz

shown-faults: setup ## run the tests of mended faults against the commit that had them: ARGS="-k word"
	@$(BIN)/python -m tools.mended $(ARGS)

storm: setup ## a site in a storm of hostile messages, then the demo on it: MESSAGES=10000 SEED=7
	@MESSAGES="$(MESSAGES)" SEED="$(SEED)" $(BIN)/python -m tools.storm

chaos: setup ## a site whose parts are killed, frozen, cut off and made sick, and a judge: MINUTES=5 SEED=7
	@MINUTES="$(MINUTES)" SEED="$(SEED)" $(BIN)/python -m tools.chaos

trials: setup ## a whole site made sick in ways that take minutes, one after the other: ARGS="-k word" to choose
	@$(BIN)/python -m pytest $(CACHE) tests/trials $(ARGS)

soak: setup ## a site on a busy machine with a slow disk: no role may move; SECONDS=1800 LOAD=10
	@SECONDS="$(SECONDS)" LOAD="$(LOAD)" $(BIN)/python -m tools.soak

bench: setup ## measure a whole site beside its peers and write bench/results
	@$(BIN)/python -m bench

bench-failover: setup ## primaries hurt and made sick in every way, beside peers: KILLS=5 SICK=2 PEERS=1 MINUTES=2 for a quick run
	@$(BIN)/python -m bench failover sickness

bench-selection: setup ## how many clients a node selector places, how fast and how evenly
	@$(BIN)/python -m bench selection

docs: setup ## write the pages that are made from the code
	@$(BIN)/python -m tools.docs

lock: setup ## write the locks anew; UPGRADE=--upgrade takes newer versions
	$(COMPILE) $(UPGRADE) --output-file requirements.lock pyproject.toml
	$(COMPILE) $(UPGRADE) --extra embedded --group dev --constraint requirements.lock \
		--output-file requirements-dev.lock pyproject.toml
	$(COMPILE) $(UPGRADE) --output-file bench/peers.lock bench/peers.in

clean: ## remove .venv, caches and whatever was built
	rm -rf .venv .setup.lock .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage* \
		htmlcov build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
