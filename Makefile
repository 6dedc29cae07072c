# Two commands set up a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
PLAIN := .venv-plain
BIN := $(VENV)/bin
PYTEST := python -m pytest --numprocesses auto --maxprocesses 4

.PHONY: demo test test-plain lint check bench clean

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all]" --group dev
	touch $@

demo: $(VENV)/installed
	$(BIN)/rfcalc table s9
	$(BIN)/rfcalc explain s9 C10
	$(BIN)/rfcalc check s9
	rm -rf runs/demo
	$(BIN)/rfcalc train s9 --data synthetic --recipe fast --epochs 2 --limit 5000 --out runs/demo

test: $(VENV)/installed
	$(BIN)/$(PYTEST)

# the engine as a user installs it: no torch, not editable, and run from another folder
test-plain:
	$(PYTHON) -m venv --clear $(PLAIN)
	$(PLAIN)/bin/python -m pip install --quiet --constraint constraints.txt . pytest pytest-xdist hypothesis jsonschema
	rm -rf $(PLAIN)/run && mkdir $(PLAIN)/run && cp -r tests docs README.md pyproject.toml $(PLAIN)/run
	cd $(PLAIN)/run && ../bin/$(PYTEST)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

bench: $(VENV)/installed
	$(BIN)/python tests/benchmarks/engine.py

clean:
	rm -rf $(VENV) $(PLAIN) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
