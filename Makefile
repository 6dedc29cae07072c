# Two commands set up a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
PLAIN := .venv-plain
BIN := $(VENV)/bin
PYTEST := python -m pytest --numprocesses auto --maxprocesses 4

.PHONY: browser conformance demo page test test-deep test-plain fuzz lint site check bench clean

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

# the long searches, which take minutes each
test-deep: $(VENV)/installed
	$(BIN)/$(PYTEST) -m deep

# spoilt specs, documents and checkpoints, FUZZ_SECONDS for each reader
fuzz: $(VENV)/installed
	FUZZ_SECONDS=$${FUZZ_SECONDS:-120} $(BIN)/python -m pytest tests/fuzz -m 'deep or not deep' -s

# the engine as a user installs it: no torch, not editable, and run from another folder
test-plain:
	$(PYTHON) -m venv --clear $(PLAIN)
	$(PLAIN)/bin/python -m pip install --quiet --constraint constraints.txt . pytest pytest-xdist hypothesis jsonschema
	rm -rf $(PLAIN)/run && mkdir $(PLAIN)/run && cp -r tests docs *.md *.yml .pre-commit-hooks.yaml pyproject.toml $(PLAIN)/run
	cd $(PLAIN)/run && ../bin/$(PYTEST)

# the page's script and style, put together anew from rfcalc/page/web
page: $(VENV)/installed
	$(BIN)/python rfcalc/page/web/bundle.py

# what the tests of the page in a browser need: Debian's Chromium and playwright-core
browser:
	tests/page/install_browser.sh

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# the documentation, served on this machine while it is written
site: $(VENV)/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

check: lint test

# holds tables against what others publish, and writes docs/conformance.md
conformance: $(VENV)/installed
	$(BIN)/python -m tests.conformance

bench: $(VENV)/installed
	$(BIN)/python tests/benchmarks/engine.py

clean:
	rm -rf $(VENV) $(PLAIN) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
