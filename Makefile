# Two commands: `make demo` and `make test`. Each sets up .venv by itself if needed.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: demo test attack bench lint types install docs dependencies
demo: .venv/installed
	$(BIN)/withintask demo

test: .venv/installed
	$(BIN)/python -m compileall -q panel ingest sim tests_of_model withintask
	$(BIN)/pytest -n auto -q

# The long attacks: kills at every kind of step, pairs of writers, flipped bits, fuzzed files.
attack: .venv/installed
	WITHINTASK_ATTACK=1 $(BIN)/pytest -q tests/attacks

# Every figure of speed that docs quote, to docs/performance.md; goes on where it was stopped. PEERS=PATH: a Python with the peers.
bench: .venv/installed
	$(BIN)/python benchmarks/bench_all.py $(if $(PEERS),--peers $(PEERS))

install: .venv/installed

# Weaknesses, licences and a list of parts (SBOM) of what the package rests on.
dependencies:
	.ci/dependencies

# The site: pages, reference from docstrings, tutorials run as notebooks; out/site/index.html.
docs: .venv/docs
	$(BIN)/mkdocs build --strict --quiet
	@echo "out/site/index.html"

.venv/docs: .venv/installed
	PYTHONWARNINGS=ignore $(BIN)/pip install --quiet -c constraints.txt -e '.[docs]'
	touch $@

lint: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# mypy reads the installed package, so it is installed a second time, as a copy, into build/types.
types: .venv/installed
	rm -rf build/types build/lib
	PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --no-deps --target build/types .
	cd build/types && MYPYPATH=. ../../$(BIN)/mypy --config-file ../../pyproject.toml -p withintask

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	PYTHONWARNINGS=ignore $(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@
