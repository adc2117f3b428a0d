# Everything a newcomer needs: `make demo`, `make test`. Only Python 3.11 and make are required.
PYTHON ?= python3.11
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: help setup models demo dev test test-postgres check mutants bench clean

help:
	@echo "make demo   set up, process the sample calls, show what was found"
	@echo "make dev    Dagster UI and daemon on http://127.0.0.1:3000 (HOME_DIR=data/demo: the demo's)"
	@echo "make test   set up and run the tests (make test-postgres: on PostgreSQL, too)"
	@echo "make check  lint, format, types, layers, definitions, tests with coverage"
	@echo "make mutants  whether the tests notice 200 random small changes of the code (10 minutes)"
	@echo "make bench  accuracy and speed, written to benchmarks/RESULTS.md"

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	# torch first and alone: nothing later may bring another build of it
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[compact,funasr,postgres,serve,dev]'
	touch $@

setup: $(VENV)/.installed

models: setup
	$(BIN)/callqa models pull

demo: models
	$(BIN)/callqa demo

dev: models
	$(BIN)/callqa dev $(if $(HOME_DIR),--home $(HOME_DIR))

test: models
	$(BIN)/pytest

test-postgres: models
	tests/support/with_postgres.sh $(BIN)/pytest

check: models
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/dg check defs
	$(BIN)/pytest --cov --cov-report=term:skip-covered

mutants: setup
	nice $(BIN)/python -m tests.mutation

bench: models
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV)
