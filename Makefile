# engate: `make demo` needs nothing but Python 3.11 to 3.13; .venv is made on the way.

PYTHON ?= python3
BIN := .venv/bin
# What runs, without what it is developed with: `make install PREFIX=/usr/local/engate`.
PREFIX ?=
RUNTIME := core/pyproject.toml api/pyproject.toml $(sort $(wildcard plugins/*/pyproject.toml))
PROJECTS := $(RUNTIME) demo/pyproject.toml
DISTS := $(patsubst %/pyproject.toml,%,$(PROJECTS))
PYTEST_ARGS ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Without bytecode every process of a test run compiles everything anew, which takes each of them 14 s.
unexport PYTHONDONTWRITEBYTECODE

define PYTHON_FITS
$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	{ echo "engate needs Python 3.11, 3.12 or 3.13. Choose one: make PYTHON=/path/to/python3.13" >&2; exit 1; }; \
$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	{ echo "$(PYTHON) cannot make virtual environments: venv or ensurepip is missing." >&2; \
	  echo "Debian and Ubuntu: apt install python3-venv. Or choose another: make PYTHON=/path/to/python3.13" >&2; exit 1; }
endef

.DELETE_ON_ERROR:
.PHONY: help demo serve worker services test check mutants scale many faults handed bench docs lock install clean .venv

help: ## this list
	@awk -F ':.*## ' '/^[a-z.]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: .venv ## a tour: two sandboxes, one integration, products and orders going through
	$(BIN)/engate demo --erp winthor --storefront vtex

serve: .venv ## the API with the sandboxes beside it
	$(BIN)/engate serve --sandboxes

worker: .venv ## one worker (scale mode: any number of them)
	$(BIN)/engate worker

services: .venv ## a real PostgreSQL and a real Valkey on free local ports, for scale mode on one machine
	$(BIN)/engate services

test: .venv ## all tests; PYTEST_ARGS="-k stock -x" for some
	$(BIN)/python -m pytest -n auto --dist loadscope $(PYTEST_ARGS)

check: .venv ## formatting, lint, types and the import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/python -m pytest -q tests/test_import_rules.py

mutants: .venv ## break the code on purpose: do the tests notice? P=vtex for one platform (core, api), or ids
	$(BIN)/python tests/mutants.py $(P)

scale: .venv ## PostgreSQL, Redis and many workers, with kills
	$(BIN)/python tests/scale.py

faults: .venv ## sick platforms beside a healthy tenant: nobody else is harmed
	$(BIN)/python tests/faults.py

handed: .venv ## a store that calls engate: products pulled, orders handed in, the API killed again and again
	$(BIN)/python tests/handed.py

many: .venv ## 200 integrations on one process: late readings, CPU of an idle one
	$(BIN)/python tests/many.py

bench: .venv ## the benchmarks
	$(BIN)/python benchmarks/run.py

docs: .venv ## what the READMEs take from the code
	$(BIN)/python docs/generate.py

# One resolution, three files: everything, what runs, and what builds the wheels; the latter two at the versions of the first.
UV := .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-package engate --no-emit-package engate-api --custom-compile-command "make lock"
lock: ## resolve the three lock files again (UPGRADE=1: to the newest versions)
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv
	$(UV) $(if $(UPGRADE),--upgrade) --output-file requirements.lock --group pyproject.toml:dev $(PROJECTS)
	$(UV) --constraint requirements.lock --output-file requirements-runtime.lock $(RUNTIME)
	$(UV) --constraint requirements.lock --output-file requirements-build.lock --group pyproject.toml:build
	rm -rf .venv-lock

# The wheels are built in a folder that goes again. A folder that holds something is refused: an upgrade is a folder beside it, and the way
# back is the one before.
install: ## what runs, without development tools, into a new folder: make install PREFIX=/usr/local/engate
	@test -n '$(PREFIX)' || { echo "Say where to: make install PREFIX=/usr/local/engate" >&2; exit 1; }
	@test -z "$$(ls -A '$(PREFIX)' 2>/dev/null)" || { echo "$(PREFIX) is not empty: choose a new folder, nothing is overwritten." >&2; exit 1; }
	@$(PYTHON_FITS)
	set -e; umask 022; build=$$(mktemp -d); \
	trap 'test $$? = 0 || find "$(PREFIX)" -mindepth 1 -delete 2>/dev/null; rm -rf "$$build"' EXIT; \
	$(PYTHON) -m venv "$$build/venv"; \
	"$$build/venv/bin/python" -m pip install --quiet --require-hashes -r requirements-build.lock; \
	"$$build/venv/bin/python" -m pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir "$$build/wheels" \
		$(patsubst %/pyproject.toml,./%,$(RUNTIME)); \
	$(PYTHON) -m venv --without-pip '$(PREFIX)'; \
	pip="$$build/venv/bin/python -m pip --python $(PREFIX)/bin/python"; \
	$$pip install --quiet --require-hashes -r requirements-runtime.lock; \
	$$pip install --quiet --no-index --no-deps "$$build"/wheels/*.whl; \
	$$pip check
	@'$(PREFIX)/bin/engate' --version

clean: ## remove what was made; stored data stays
	rm -rf .venv .venv-lock .pytest_cache .ruff_cache .hypothesis dist
	find core api plugins demo tests -name __pycache__ -type d -prune -exec rm -rf {} +

# .venv: first the locked packages, then our own on top of them (pip refuses -e together with hashes).
# A plugin folder that came or went makes the second step run again, as a changed pyproject.toml does.
ifneq ($(shell cat .venv/.dists 2>/dev/null),$(DISTS))
$(shell rm -f .venv/.ready)
endif

# Asked for by name, another Python than .venv was made with makes it anew: make test PYTHON=python3.13
ifneq ($(and $(filter-out file,$(origin PYTHON)),$(wildcard .venv/bin/python)),)
ifneq ($(shell $(PYTHON) -V),$(shell .venv/bin/python -V))
$(shell rm -f .venv/.locked)
endif
endif

.venv: .venv/.ready

.venv/.locked: requirements.lock
	@$(PYTHON_FITS)
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@touch $@

.venv/.ready: .venv/.locked $(PROJECTS) core/engate/version.py
	@old=$$($(BIN)/python -m pip list --editable --format freeze | cut -d= -f1); \
		test -z "$$old" || $(BIN)/python -m pip uninstall --quiet --yes $$old
	$(BIN)/python -m pip install --quiet --no-index --no-deps --no-build-isolation $(addprefix -e ./,$(DISTS))
	$(BIN)/python -m pip check
	@echo '$(DISTS)' > .venv/.dists
	@touch $@
