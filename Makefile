# Leadlane. `make` or `make help` lists the targets. Only Python 3.11 or newer is assumed.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The first of these that is new enough makes .venv; `make PYTHON=/path/to/python3.12 ...` chooses another.
PYTHON ?= python3 python3.13 python3.12 python3.11
BIN := .venv/bin
ARGS ?=

.PHONY: help setup demo test check lint type schemas bench fuzz generate constraints clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: .venv/.ready ## make .venv with the command .venv/bin/leadlane (again only when dependencies changed)

.venv/.ready: pyproject.toml constraints.txt
	@python=; for p in $(PYTHON); do \
	  if command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then python=$$p; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Leadlane needs Python 3.11 or newer; tried: $(PYTHON) (python3 is $$(python3 --version 2>&1 || true))." >&2; \
	  echo "Install one, or say where it is: make setup PYTHON=/path/to/python3.12" >&2; exit 1; \
	fi; \
	[ -x $(BIN)/python ] || $$python -m venv .venv || { rm -rf .venv; \
	  echo "$$python could not make .venv; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; \
	echo "Installing into .venv ($$($(BIN)/python --version)) ..."; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup ## run the whole pipeline on an embedded Kafka with simulated traffic (ARGS='--seconds 60')
	@$(BIN)/leadlane demo $(ARGS)

test: setup ## all tests, schemas included (ARGS='-k sentiment' chooses some)
	@$(BIN)/python -m pytest $(ARGS)

check: lint type schemas test ## everything that must be green before a change is handed in

lint: setup ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

type: setup ## mypy --strict, tests too
	@$(BIN)/mypy

schemas: setup ## parse, examples, frozen versions, compatibility
	@$(BIN)/leadlane schemas check

bench: setup ## events per second of this machine, with ratios to plain aiokafka (ARGS=--json)
	@$(BIN)/leadlane bench $(ARGS)

fuzz: setup ## a worker under broken messages, each accounted for (ARGS='--messages 20000'; the default takes a while)
	@$(BIN)/python -m tests.fuzz $(ARGS)

generate: setup ## write docs/reference from the code
	@$(BIN)/python -m streams.reference

constraints: setup ## write constraints.txt from what a fresh .venv holds (make clean first)
	@$(BIN)/python -m pip list --format=freeze --exclude-editable --exclude pip --exclude setuptools --exclude wheel --exclude leadlane \
	  | grep -E '^[A-Za-z0-9._-]+==[A-Za-z0-9.+!_-]+$$' | LC_ALL=C sort -f > .constraints.new
	@mv .constraints.new constraints.txt
	@touch .venv/.ready

clean: ## remove .venv and everything generated (not the Kafka in the user's cache folder)
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .leadlane
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
