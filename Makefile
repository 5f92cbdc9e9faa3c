# make           what there is
# make demo      a document in, answers with pages out (PDF=path and Q="..." for your own)
# make test      the tests, but for the slow ones; make test ARGS="-k files -x" passes on arguments
# make test-all  all of them
# A fresh machine needs only Python 3.11 or newer and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PDF ?= docs/handbook.pdf
MEMORY := build/demo/demo.lcirc
# Scripts of tests/perf that measure nothing without documents or questions of yours.
ASK_FOR_DOCUMENTS := ask_before_ingest large_memories large_texts
# A worker a core, each with the default model in memory (1 GB); idle ones take over tests of others.
TEST := $(BIN)/python -m pytest -n logical --maxprocesses 8 --dist worksteal
export PDF Q

.PHONY: help setup demo test test-all lint bench-core

help:
	@sed -n '/^# /!q; s///p' Makefile

setup: $(READY)

# pip is upgraded first: dependency groups need 25.1, and Python 3.11 comes with 23.
$(READY): pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "lcirc needs Python 3.11 or newer: make setup PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Installing into $(VENV); this takes a few minutes the first time."
	@"$(PYTHON)" -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install -qq --constraint constraints.txt \
		--editable ".[lqa,bench,ocr,peft,serve]" --group dev
	@touch $@

demo: setup
	@$(BIN)/lcirc pull smollm2 > /dev/null
	@mkdir -p $(dir $(MEMORY)) && rm -f $(MEMORY)
	$(BIN)/lcirc ingest "$$PDF" -o $(MEMORY)
	@if [ -n "$$Q" ]; then set -- "$$Q"; else set -- \
		"What is the licence of lcirc?" \
		"Which environment variable holds the password?" \
		"What happens when the disk is full?"; fi; \
	for question in "$$@"; do \
		printf '\n> %s\n' "$$question"; $(BIN)/lcirc ask $(MEMORY) -q "$$question" || exit $$?; \
	done

# The default model is fetched here, once: the tests themselves never use the network.
test-all: MARK := -m "slow or not slow"
test test-all: setup
	@$(BIN)/lcirc pull smollm2 > /dev/null
	$(TEST) $(MARK) $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Each script measures one thing and prints JSON lines.
bench-core: setup
	@set -e; found=no; for script in tests/perf/[a-z]*.py; do \
		case " $(ASK_FOR_DOCUMENTS) " in *" $$(basename "$$script" .py) "*) continue;; esac; \
		[ -f "$$script" ] || continue; found=yes; $(BIN)/python "$$script"; \
	done; [ $$found = yes ] || echo "no scripts in tests/perf"
