# Everything a fresh machine needs is Python 3.11 to 3.13 and make. Paths stay relative, so the
# folder's own path may hold spaces; the environment is .venv and is never activated.

SHELL := /bin/sh
.DEFAULT_GOAL := help
UV_VERSION := 0.13.9
BIN := .venv/bin
FLOOR := .venv-floor
MUTATE := .venv-mutate
READY := .venv/.ready
EXTRAS := .venv/.extras
PYTEST_ARGS ?=

export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
# A virtual environment of the caller must not leak into ours.
unexport VIRTUAL_ENV
unexport PYTHONPATH
unexport PYTHONHOME

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: $(READY) ## Run the main job for real and explain what was blocked (about a minute)
	@$(BIN)/python -m dagster_project.demo

.PHONY: ui
ui: $(READY) ## Look at the demo's result in the Dagster UI (after make demo)
	@$(BIN)/python -m dagster_project.ui

.PHONY: view
view: $(READY) ## Look at the demo's result in the path view, on http://127.0.0.1:4180 (after make demo)
	@$(BIN)/python -m dagster_project.view

.PHONY: test
test: $(READY) ## Run the tests that need nothing but this folder
	@$(BIN)/pytest -n 2 --dist loadfile -m "not long and not browser" $(PYTEST_ARGS)

.PHONY: test-long
test-long: $(EXTRAS) ## Run the tests that take minutes or drive a browser
	@$(BIN)/pytest -n 2 --dist loadfile -m "(long or browser) and not floor" $(PYTEST_ARGS)

.PHONY: matrix
matrix: $(EXTRAS) ## Launch everything on live processes and write the matrix in docs/enforcement.md (minutes)
	@WRITE_DOCS=1 $(BIN)/pytest -s tests/matrix/test_matrix.py $(PYTEST_ARGS)

.PHONY: test-floor
test-floor: $(FLOOR)/.ready ## Run a shorter matrix on the oldest supported versions (minutes)
	@LINEAGE_GUARD_MATRIX_PYTHON="$(CURDIR)/$(FLOOR)/bin/python" $(BIN)/pytest -m floor $(PYTEST_ARGS)

.PHONY: lint
lint: $(READY) ## Check style and formatting
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

.PHONY: types
types: $(EXTRAS) ## Check types (pyright, strict)
	@$(BIN)/pyright

.PHONY: mutate
mutate: $(READY) ## Change the code of the domain word by word and see whether a test fails (hours; MODULES=, docs/mutation.md)
	@UV_PROJECT_ENVIRONMENT=$(MUTATE) $(BIN)/uv sync --locked --quiet --no-default-groups --group mutate
	@nice -n 19 $(MUTATE)/bin/python tests/mutate.py $(MODULES)

.PHONY: bench
bench: $(READY) ## Measure everything and write docs/benchmarks.md (minutes)
	@$(BIN)/python -m bench

.PHONY: ci
ci: ## Run everything that continuous integration runs
	@.ci/run

.PHONY: setup
setup: $(READY) ## Only set the environment up

.PHONY: clean
clean: ## Remove the environment and everything the demo wrote
	rm -rf .venv $(FLOOR) $(MUTATE) mutants .demo

# Rebuilt when the requirements or the lock file change; otherwise nothing runs and no network is used.
$(READY): pyproject.toml uv.lock
	@supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; \
	if ! $(BIN)/python -c "$$supported" 2>/dev/null; then \
	  for python in python3.11 python3.12 python3.13 python3; do \
	    if "$$python" -c "$$supported" 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "Python 3.11, 3.12 or 3.13 is needed and none was found. On Debian and Ubuntu:" \
	         "apt-get install python3 python3-venv" >&2; exit 1; \
	  fi; \
	  echo "Creating .venv with $$found"; rm -rf .venv; \
	  "$$found" -m venv .venv || { echo "$$found cannot create virtual environments. On Debian and Ubuntu:" \
	    "apt-get install python3-venv" >&2; exit 1; }; \
	fi
	@if [ "$$($(BIN)/uv --version 2>/dev/null | cut -d ' ' -f 2)" != "$(UV_VERSION)" ]; then \
	  $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip --upgrade >/dev/null; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"; \
	fi
	@echo "Installing the locked dependencies"
	@$(BIN)/uv sync --locked --quiet --compile-bytecode --python $(BIN)/python
	@touch $(READY)

# Spark is heavy (400 MB), so only what needs it waits for it.
$(EXTRAS): $(READY)
	@echo "Installing the optional extras"
	@$(BIN)/uv sync --locked --quiet --all-extras --compile-bytecode --python $(BIN)/python
	@touch $(EXTRAS)

# The oldest of everything that pyproject.toml and tests/matrix/floor.txt ask for.
$(FLOOR)/.ready: $(READY) pyproject.toml tests/matrix/floor.txt
	@echo "Installing the lower bounds"
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(FLOOR)
	@VIRTUAL_ENV="$(CURDIR)/$(FLOOR)" $(BIN)/uv pip install --quiet --compile-bytecode --resolution lowest-direct \
	  -r pyproject.toml -r tests/matrix/floor.txt
	@VIRTUAL_ENV="$(CURDIR)/$(FLOOR)" $(BIN)/uv pip install --quiet --no-deps --editable .
	@touch $@
