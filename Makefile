# What a contributor runs. Needs Python 3.11+, git and make; everything else is installed here, pinned.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HELM := .tools/helm

.PHONY: demo test tools lint bench e2e e2e-up e2e-down golden clean
.DEFAULT_GOAL := test

# --- first success: no helm, no kubectl, no cloud account ---------------------------------------------------

demo: $(VENV)/.demo
	@test -e demo/gitops/stack.yaml || $(BIN)/gpuyard init demo/gitops --name demo --blueprints blueprints
	@$(BIN)/gpuyard compile demo/gitops

$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[embedded]'
	@touch $@

# --- checks -------------------------------------------------------------------------------------------------

$(VENV)/.dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[embedded,dev]'
	@touch $@ $(VENV)/.demo

tools: $(VENV)/.dev ## helm, built once and kept in the cache
	@$(BIN)/python -m tests.cluster.programs --group tools --to .tools

test: tools lint
	PATH="$(CURDIR)/.tools:$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -n auto $(if $(T),-k '$(T)')

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

golden: tools ## rewrite tests/golden; read the diff like code
	PATH="$(CURDIR)/.tools:$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest tests/test_golden.py --update-golden

bench: tools
	PATH="$(CURDIR)/.tools:$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.bench

# --- the true test: a real API server, a real Flux, simulated GPUs -------------------------------------------

e2e: $(VENV)/.dev
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.cluster run $(if $(T),-k '$(T)')

e2e-up: $(VENV)/.dev
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.cluster up

e2e-down: $(VENV)/.dev
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.cluster down

clean:
	rm -rf $(VENV) .tools demo dist
