# Powernode. `make` lists what there is.
PORT ?= 8000
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup run test test-browser check format bench e2e chaos openapi licenses requirements clean

help:            ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP)  ## create .venv, install the pinned requirements, build the browser's assets
	@$(BIN)/python -m powernode.frontend_build

$(STAMP): requirements/base.txt requirements/dev.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: apt install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, this is $$($(PYTHON) -V)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv is needed: apt install python3-venv"; exit 1; }
	@echo "Installing the requirements into $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$$(sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements/dev.txt)"
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/uv pip sync --quiet --python $(BIN)/python --compile-bytecode --require-hashes requirements/dev.txt
	@printf '#!/bin/sh\nPYTHONPATH="%s" exec "%s/python" -P -m powernode "$$@"\n' "$(CURDIR)" "$(CURDIR)/$(BIN)" > $(BIN)/powernode
	@chmod +x $(BIN)/powernode
	@touch $@

run: setup       ## start the platform (PORT=8000), with the demo on the first start
	@env -u PYTHONDONTWRITEBYTECODE PORT=$(PORT) $(BIN)/python -m powernode up --demo

test: setup      ## run every test that this machine can run
	@$(BIN)/python -m tests.run

check: setup     ## static checks: format, lint, types, imports, migrations, OpenAPI, front end
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check --fail-level WARNING
	$(BIN)/python manage.py spectacular --fail-on-warn --file $(VENV)/openapi.yaml
	@diff -u docs/openapi.yaml $(VENV)/openapi.yaml >/dev/null || { echo "docs/openapi.yaml is stale: run make openapi"; exit 1; }
	@$(BIN)/python -m powernode.step_pages --check || { echo "docs/reference/step-types.md is stale: run make openapi"; exit 1; }
	$(BIN)/python -m powernode.frontend_build --check

format:          ## bring the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

openapi: setup   ## write docs/openapi.yaml and the page of step types
	@$(BIN)/python -m powernode.step_pages
	$(BIN)/python manage.py spectacular --fail-on-warn --file docs/openapi.yaml

bench: setup     ## measure and write docs/benchmarks.md
	$(BIN)/python -m benchmarks

e2e: setup       ## only the tests that drive the whole platform and the browser
	@$(BIN)/python -m tests.run --only e2e

chaos: setup     ## the full fault suite (about half an hour)
	@$(BIN)/python -m tests.run --only chaos

licenses: setup  ## write docs/reference/third-party.md
	$(BIN)/python -m powernode.licenses

requirements:    ## compile requirements/*.txt from requirements/*.in
	$(BIN)/uv pip compile --quiet --no-emit-index-url --no-annotate --generate-hashes --no-header requirements/base.in -o requirements/base.txt
	$(BIN)/uv pip compile --quiet --no-emit-index-url --no-annotate --generate-hashes --no-header requirements/dev.in -o requirements/dev.txt

clean:           ## remove what the build made; data under var/ stays
	rm -rf $(VENV) frontend/node_modules powernode/static/dist .mypy_cache .ruff_cache .pytest_cache
