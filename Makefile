# Leadlane. `make` or `make help` lists the targets. Only Python 3.11 or newer is assumed.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The first of these that is new enough makes .venv; `make PYTHON=/path/to/python3.12 ...` chooses another.
PYTHON ?= python3 python3.13 python3.12 python3.11
BIN := .venv/bin
ARGS ?=

# What a wheel is made of: one that is newer than all of it is not made again.
SOURCES := pyproject.toml hatch_build.py README.md LICENSE $(shell find streams schemas deploy/policy -type f -not -name '*.pyc')
# Before the checkout for every import, also in the processes that this one starts.
COMPILED := PYTHONSAFEPATH=1 PYTHONPATH=$(CURDIR)/.leadlane/compiled

# What turns deploy/k8s into what is sent to a cluster; `go` makes it where it is not there.
KUSTOMIZE := sigs.k8s.io/kustomize/kustomize/v5@v5.7.1

.PHONY: sbom audit up down check-deploy kustomize help setup demo test test-compiled check lint type schemas wheel bench replay fuzz generate dashboards check-prometheus pictures constraints clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

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

# Four processes on two cores: tests of Kafka wait most of their time. A file stays in one, and so does its broker.
test: setup ## the tests, schemas included (ARGS='-k sentiment' chooses some, ARGS='-n 0' takes one process)
	@$(BIN)/python -m pytest -n 4 --dist loadfile -m 'not long' $(ARGS)

test-long: setup ## the tests that take minutes: a guarded Kafka, a real Schema Registry (159 MB once), kills from edge to edge
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m long $(ARGS)

check: lint type schemas test test-long ## everything that must be green before a change is handed in

lint: setup ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

type: setup ## mypy --strict, tests too
	@$(BIN)/mypy

schemas: setup ## parse, examples, frozen versions, compatibility
	@$(BIN)/leadlane schemas check

wheel: setup dist/.made ## dist/leadlane-*.whl, its hot modules compiled if there is a C compiler

dist/.made: .venv/.ready $(SOURCES)
	@mkdir -p .leadlane dist
	@new=$$(mktemp -d .leadlane/wheel.XXXXXX); trap "rm -rf $$new" EXIT; \
	  HATCH_BUILD_HOOKS_ENABLE=true $(BIN)/python -m hatchling build -t wheel -d $$new; \
	  rm -f dist/leadlane-*.whl; mv $$new/*.whl dist
	@compgen -G 'dist/*-none-any.whl' >/dev/null || touch $@  # a pure one is tried again: a compiler may have come

.leadlane/compiled/.made: dist/.made
	@new=$$(mktemp -d .leadlane/compiled.XXXXXX); trap "rm -rf $$new" EXIT; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index --target $$new dist/leadlane-*.whl; \
	  touch $$new/.made; rm -rf .leadlane/compiled; mv $$new .leadlane/compiled

test-compiled: setup .leadlane/compiled/.made ## unit and property tests on the compiled build, and whether it decides the same bytes
	@$(COMPILED) LEADLANE_TEST_COMPILED=1 $(BIN)/python -m pytest --import-mode=append tests/unit tests/property tests/compiled $(ARGS)

bench: setup .leadlane/compiled/.made ## events per second of this machine, with ratios to plain aiokafka (ARGS=--json)
	@$(COMPILED) $(BIN)/leadlane bench $(ARGS)

replay: setup .leadlane/compiled/.made ## history decided again with the compiled modules (ARGS='--policy next.yaml --html report.html')
	@$(COMPILED) $(BIN)/leadlane replay $(ARGS)

up: ## Kafka, registry, workers, lab, gateway, Prometheus, Grafana in containers of this machine
	@python3 deploy/compose/run.py up

down: ## stop what `make up` started; what it wrote stays
	@python3 deploy/compose/run.py down

check-deploy: setup kustomize ## the image built and run, workers killed, the manifests rendered (ARGS='--images official')
	@$(BIN)/python -m pytest -q tests/deploy/test_image.py tests/deploy/test_compose.py tests/deploy/test_k8s.py
	@$(BIN)/python deploy/check/run.py $(ARGS)

kustomize:
	@if [ -x .leadlane/bin/kustomize ] || command -v kustomize >/dev/null; then :; \
	elif command -v go >/dev/null; then GOBIN=$(CURDIR)/.leadlane/bin go install $(KUSTOMIZE); \
	else echo "Neither kustomize nor go is here: the overlays of deploy/k8s are not rendered." >&2; fi

fuzz: setup ## a worker under broken messages, each accounted for (ARGS='--messages 20000'; the default takes a while)
	@$(BIN)/python -m tests.fuzz $(ARGS)

sbom: setup ## dist/sbom.cdx.json: what is installed, as a CycloneDX bill of materials
	@mkdir -p dist
	@$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o dist/sbom.cdx.json .venv
	@echo "dist/sbom.cdx.json: $$(grep -c '"bom-ref"' dist/sbom.cdx.json) parts"

audit: setup ## known vulnerabilities of what is installed; says so when no source answers (ARGS='--osv PyPI-all.zip' works offline)
	@$(BIN)/python -m tests.audit $(ARGS)

generate: setup ## write docs/reference and Grafana's dashboards from the code
	@$(BIN)/python -m streams.reference
	@$(BIN)/python -m streams.dashboards

dashboards: setup ## write Grafana's dashboards and the page about them from streams/dashboards
	@$(BIN)/python -m streams.dashboards

check-prometheus: setup ## a real Prometheus looks on at a demo: every panel and every rule answers (four minutes; apt install prometheus)
	@LEADLANE_TEST_PROMETHEUS=1 $(BIN)/python -m pytest tests/deploy/test_prometheus_demo.py $(ARGS)

# A demo of several minutes with a Prometheus that looks on (Debian and Ubuntu: apt install prometheus), then drawn.
pictures: setup ## draw the dashboards from a demo's own figures: docs/images/leadlane-*.png (ARGS='--seconds 240')
	@$(BIN)/python -m streams.dashboards.picture $(ARGS)
	@$(BIN)/python -m streams.dashboards

constraints: setup ## write constraints.txt from what a fresh .venv holds (make clean first)
	@$(BIN)/python -m pip list --format=freeze --exclude-editable --exclude pip --exclude wheel --exclude leadlane \
	  | grep -E '^[A-Za-z0-9._-]+==[A-Za-z0-9.+!_-]+$$' | LC_ALL=C sort -f > .constraints.new
	@mv .constraints.new constraints.txt
	@touch .venv/.ready

clean: ## remove .venv and everything generated (not the Kafka in the user's cache folder)
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .leadlane
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
