# What a contributor runs. Needs Python 3.11+, git and make; everything else is installed here, pinned.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SCANNERS := checkov trivy lint

.PHONY: demo demo-pr test tools test-tools lint mutants chart scan lock bench e2e e2e-engines forge e2e-up e2e-down golden clean crash fuzz
.DEFAULT_GOAL := test

# --- first success: no helm, no kubectl, no cloud account ---------------------------------------------------

ENGINE := flux# or argocd
DEMO = demo/gitops$(filter-out -flux,-$(ENGINE))

demo: $(VENV)/.demo
	@test -e $(DEMO)/stack.yaml || $(BIN)/gpuyard init $(DEMO) --name demo --engine $(ENGINE) --blueprints blueprints >/dev/null
	@$(BIN)/gpuyard compile $(DEMO)

demo-pr: $(VENV)/.dev ## one line changed, `gpuyard pr`, and its comment, on a stand-in of a forge
	@$(BIN)/python -m tests.prdemo

$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	@touch $@

# --- checks -------------------------------------------------------------------------------------------------

$(VENV)/.dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[oci,dev]'
	@touch $@ $(VENV)/.demo

test-tools: $(VENV)/.dev ## helm, promtool and ct, built once and kept in the cache
	@$(BIN)/python -m tests.cluster.programs --group tools promtool --to .tools

tools: test-tools ## every program of every test, built ahead
	@$(BIN)/python -m tests.cluster.programs --group core

test: test-tools lint
	PATH="$(CURDIR)/.tools:$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -n auto --dist worksteal $(if $(T),-k '$(T)')

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

mutants: test-tools ## put each fault of tests/mutants alone into a copy; behaviour tests must see 95 % of them
	PATH="$(CURDIR)/.tools:$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.mutants $(if $(T),-k '$(T)')

# A bootstrap killed after each of its requests, and each fault at each of its steps; a compile killed at each step, also
# where a pull request means harm; the workflow of pull requests on each checkout that means harm; a `gpuyard pr` killed
# anywhere, eight of them at once, and one that changes 400 blueprints. More than an hour; prints what came of it.
CRASHES := tests/test_repo_crash.py tests/test_crash_hostile.py tests/test_bootstrap_crash.py tests/test_bootstrap_handover.py \
	tests/test_bootstrap_adopted.py tests/test_hostile_checkouts.py tests/test_hostile_repositories.py tests/test_pr_crash.py \
	tests/test_pr_large.py tests/test_pr_writers.py

crash: test-tools
	PATH="$(CURDIR)/.tools:$(CURDIR)/$(BIN):$$PATH" GPUYARD_CRASH=all $(BIN)/pytest -q -n auto $(CRASHES)

fuzz: test-tools .tools/atheris/.done ## 20,000 examples, other ones each time (`make test` tries 2,000), and atheris on the reader
	PATH="$(CURDIR)/.tools:$(CURDIR)/$(BIN):$$PATH" GPUYARD_FUZZ=10 $(BIN)/pytest -q -n auto tests/test_fuzz_sources.py tests/test_fuzz_checkouts.py
	PYTHONPATH=.tools/atheris $(BIN)/python -m tests.fuzz_reader

.tools/atheris/.done: # it has wheels for some Pythons on Linux; elsewhere the rest of `make fuzz` does without
	mkdir -p .tools/atheris
	-$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target .tools/atheris atheris==3.0.0
	touch $@

chart: test-tools ## lint each chart that differs from main (or $CT_TARGET_BRANCH) on origin; it needs a new version
	PATH="$(CURDIR)/.tools:$(CURDIR)/$(BIN):$$PATH" ct lint --config .github/ct/ct.yaml

scan: $(VENV)/.dev $(SCANNERS:%=.tools/scan/%/.done) ## checkov, trivy and others over all that is generated
	@$(BIN)/python -m tests.cluster.programs --group scan --to .tools
	PATH="$(CURDIR)/.tools:$$PATH" $(BIN)/python -m tests.scan

.tools/scan/%/.done: tests/scan/requirements/%.txt
	$(PYTHON) -m venv .tools/scan/$*
	.tools/scan/$*/bin/pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

LOCK := generator/gpuyard/requirements.txt
BUILD_LOCK := .github/build-requirements.txt
LOCKED := --universal --python-version 3.11 --upgrade --generate-hashes --no-annotate --no-header

lock: .tools/scan/uv/.done ## what CI installs: newest versions that pyproject.toml allows, with digests
	{ echo '# What gpuyard depends on, the release extra included, with the digests of every file: CI installs these (docs/ci.md).' && \
		echo '# Made by `make lock`.' && .tools/scan/uv/bin/uv pip compile pyproject.toml --extra release $(LOCKED); } > $(LOCK).new
	{ echo hatchling | .tools/scan/uv/bin/uv pip compile - $(LOCKED); } > $(BUILD_LOCK).new
	mv $(LOCK).new $(LOCK) && mv $(BUILD_LOCK).new $(BUILD_LOCK)

golden: test-tools ## rewrite tests/golden; read the diff like code
	PATH="$(CURDIR)/.tools:$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest tests/test_golden.py --update-golden

bench: test-tools
	PATH="$(CURDIR)/.tools:$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.bench

# --- the true test: a real API server, a real Flux, simulated GPUs -------------------------------------------

e2e: tools # and then the largest, which is installed and not built
	@$(BIN)/python -m tests.e2e.vllm.install
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.cluster run $(if $(T),-k '$(T)')

e2e-engines: tools ## the second stage: KEDA, Prometheus and Argo CD really run, too
	@$(BIN)/python -m tests.cluster.programs --group scaling --group engines
	PATH="$(CURDIR)/$(BIN):$$PATH" GPUYARD_E2E_ENGINES=1 $(BIN)/python -m tests.cluster run tests/e2e/engines $(if $(T),-k '$(T)')

forge: test-tools ## `gpuyard pr` against a real Gitea on loopback; builds it the first time (4 minutes), then a minute
	@$(BIN)/python -m tests.cluster.programs --group forge
	PATH="$(CURDIR)/.tools:$(CURDIR)/$(BIN):$$PATH" GPUYARD_FORGE=1 $(BIN)/pytest -q tests/gitea $(if $(T),-k '$(T)')

e2e-up: $(VENV)/.dev
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.cluster up

e2e-down: $(VENV)/.dev
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.cluster down

clean:
	rm -rf $(VENV) .tools demo dist
