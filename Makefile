# Every target works from a fresh clone with Python 3.11 or newer and make, and makes its own virtual environment.
# PYTHON=python3.13 picks the interpreter; ARGS go to `edge demo` or pytest; ROWS pick rows of the benchmark.
# E2E_EXEC is put before the tests of `make e2e`, for clusters that are reached only so; tests/kube/conftest.py has more.

PYTHON ?=
ARGS ?=
ROWS ?=
E2E_LOAD ?=
E2E_EXEC ?=

VENV := .venv
BIN := $(VENV)/bin
PACKAGES := $(patsubst %/__init__.py,%,$(wildcard edge/__init__.py loadtest/__init__.py))

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_REQUIRE_VIRTUALENV = 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help install run monitoring test check bench sim fuzz soak chart metrics image loadtest-image image-test backend-test demo-test netns e2e e2e-kind clean lock

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

install: $(VENV)/.installed  ## what `edge` needs to run, in .venv

run: $(VENV)/.installed  ## the demo: eight cities, a live stream, viewers and the live page
	@$(BIN)/edge demo $(ARGS)

monitoring: $(VENV)/.installed-dev  ## beside `make run`: a Prometheus with the alerts, and how to see the dashboards; needs prometheus
	@$(BIN)/python .ci/monitor.py $(ARGS)

test: $(VENV)/.installed-dev  ## the suite; what could not run is listed by name at the end
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.installed-dev  ## format, lint, types, layers, lock files
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy $(PACKAGES) tests
	@$(BIN)/lint-imports --no-logo
	@! grep -nE '://|^ *-(i|f|-[a-z-]*(index|find-links|host))' requirements*.lock loadtest/requirements.lock \
	  || { echo 'a lock file names a registry: see the lines above; `make lock` writes it without'; exit 1; }

bench: $(VENV)/.installed-dev  ## print the measured numbers beside their targets
	@$(BIN)/python -m loadtest bench $(ROWS)

sim: $(VENV)/.installed-dev  ## random faults against the invariants, and matches, in virtual time (SEEDS=100)
	@$(BIN)/python -m pytest tests/swarm tests/loadtest/sim tests/loadtest/report $(ARGS)
	@$(BIN)/python -m loadtest swarm --seeds $(or $(SEEDS),100)

fuzz: $(VENV)/.installed-dev  ## a minute of inputs that nobody meant (ARGS=--help; ARGS='public --seconds 600'); Linux on x86-64
	@PYTHONPATH=tests $(BIN)/python -m fuzz $(ARGS)

soak: $(VENV)/.installed-dev  ## six nodes under modest load: does memory stay flat? (MINUTES=75, the first 15 to fill; ARGS=--help)
	@$(BIN)/python -m loadtest soak $(or $(MINUTES),75) $(ARGS)

chart: $(VENV)/.installed-dev  ## what linters say of the chart, and what is made from it (ARGS=--write: make it); needs Go
	@$(BIN)/python .ci/chart.py $(ARGS)

metrics: $(VENV)/.installed-dev  ## docs/METRICS.md and the dashboards are current (ARGS=--write: make them)
	@$(BIN)/python .ci/metrics.py $(ARGS)

image:  ## the container image and its bill of materials, in build/; needs docker, podman or buildah
	@.ci/image

loadtest-image:  ## the same, and an image of `loadtest drive`, for manifests/loadtest
	@.ci/image loadtest

image-test: $(VENV)/.installed-dev  ## build the image twice, compare, and run it as a pod would; as root on Debian
	@$(BIN)/python -m pytest tests/image/built $(ARGS)

backend-test: $(VENV)/.installed-dev  ## a real nginx in front of a node, and one suite over both backends; needs nginx
	@$(BIN)/python -m pytest tests/nginx tests/conformance $(ARGS)

demo-test: $(VENV)/.installed-dev  ## the demo as it is run, its page and player in a real browser
	@$(BIN)/python -m pytest tests/live_demo $(ARGS)

netns: $(VENV)/.installed-dev  ## nodes on hosts of their own that are cut off from each other; Linux
	@$(BIN)/python -m pytest tests/netns $(ARGS)

e2e: $(VENV)/.installed-dev loadtest-image  ## the chart on a real cluster: KUBECONFIG=… E2E_LOAD='kind load image-archive'
	@test -n "$(E2E_LOAD)" || { echo "E2E_LOAD is not set: name the command that puts an image archive on the cluster"; exit 2; }
	$(E2E_LOAD) build/edge-image.tar
	$(E2E_LOAD) build/edge-loadtest-image.tar
	@$(E2E_EXEC) $(BIN)/python -m pytest tests/kube $(ARGS)

e2e-kind:  ## the same on a kind cluster of its own, removed afterwards; needs kind, kubectl, helm and docker
	@mkdir -p build
	kind create cluster --config manifests/kind-config.yaml --kubeconfig build/kind.conf --wait 3m
	@$(MAKE) e2e KUBECONFIG=$(CURDIR)/build/kind.conf E2E_LOAD='kind load image-archive --name edge'; \
	  status=$$?; kind delete cluster --name edge --kubeconfig build/kind.conf; exit $$status

clean:  ## remove the virtual environment, the fetched player and all caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist node_modules
	rm -rf edge/shell/page/vendor
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: $(VENV)/.installed-dev  ## write the lock files anew, keeping pins that still fit (ARGS=--upgrade: the newest)
	$(LOCK) --group build -o requirements.lock pyproject.toml
	$(LOCK) --group build --extra tracing -o requirements-tracing.lock pyproject.toml
	$(LOCK) --group dev --extra tracing -o requirements-dev.lock pyproject.toml
	$(LOCK) --group drive -c requirements-dev.lock -o loadtest/requirements.lock

LOCK = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-header --quiet $(ARGS)

# The newest interpreter that will do, or the one that was asked for.
$(BIN)/python:
	@for python in $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3 python); do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  "$$python" -c 'import ensurepip, venv' 2>/dev/null || { lacking=$$python; continue; }; \
	  echo "making $(VENV) with $$("$$python" --version)"; \
	  exec "$$python" -m venv --clear $(VENV); \
	done; \
	if [ -n "$$lacking" ]; then \
	  echo "$$lacking cannot make virtual environments: it lacks ensurepip; on Debian and Ubuntu: apt-get install python3-venv" >&2; \
	else \
	  echo "no Python 3.11 or newer among: $(or $(PYTHON),python3.14 … python3.11 python3 python); name one: make PYTHON=/path/to/python3.11" >&2; \
	fi; exit 1

# Nothing is installed whose digest is not in the lock file: the build of `edge` itself uses the locked tools.
define install-from
	@echo "installing from $(1)"
	@$(BIN)/python -m pip install --quiet --require-hashes -r $(1)
	@$(BIN)/python -m pip install --quiet --no-index --no-deps --no-build-isolation -e .
	@$(BIN)/python .ci/fetch_hls.py || echo "hls.js not fetched; browsers with HLS of their own play all the same"
endef

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	$(call install-from,requirements.lock)
	@touch $@

# requirements-dev.lock holds all of the other two, at the same versions.
$(VENV)/.installed-dev: requirements-dev.lock requirements.lock pyproject.toml | $(BIN)/python
	$(call install-from,requirements-dev.lock)
	@touch $(VENV)/.installed $@
