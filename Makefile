# Everything from a bare Debian or Ubuntu machine: `make demo`, `make test`. The rest are parts of these two.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3.11
BIN := .venv/bin
# For the tools that call others (molecule calls ansible-playbook), and for imports of the checkout.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg

.PHONY: help setup demo demo-down test test-fast lint types unit sanity docs docs-check molecule bench lock

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: .venv/.stamp ## Make .venv from the hashed lock (at once when it stands)

.venv/.stamp: requirements.txt
	PYTHON=$(PYTHON) tools/setup.sh

demo: setup ## The main job: three simulated TPU VMs from bare to serving
	$(BIN)/python -m lab up
	$(BIN)/ansible-playbook -i inventory/lab playbooks/deploy.yml

demo-down: setup ## Remove the lab and everything it made
	$(BIN)/python -m lab down

test: setup ## Set-up and the whole test suite
	tools/stages.sh lint types unit docs-check sanity molecule

test-fast: setup ## Lint, types and unit tests; under 3 minutes
	tools/stages.sh lint types unit

lint: setup ## ruff, yamllint, ansible-lint (production), bash -n
	tools/lint.sh

types: setup ## mypy, strict
	tools/check.sh mypy - mypy

unit: setup ## Unit tests (pytest fails by itself when it finds none)
	$(BIN)/python -m pytest

sanity: setup ## ansible-test sanity in a real copy
	tools/sanity.sh

docs: setup ## Write docs/reference from the code
	$(BIN)/python tools/docs.py

docs-check: setup ## Fail when docs/reference is stale, or the changelog is no good
	$(BIN)/python tools/docs.py --check
	tools/check.sh changelog $(words $(wildcard changelogs/fragments/*)) antsibull-changelog lint

molecule: setup ## Every Molecule scenario, on the lab
	tools/molecule.sh

bench: setup ## Figures, each beside its floor
	$(BIN)/python -m bench

lock: setup ## Write requirements.txt from requirements.in
	tools/lock.sh
