# Each target creates the environment that it needs. PYTHON sets its interpreter.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DOCS_READY := .venv/.docs-ready
EXAMPLES := .venv-examples
NO_TORCH := .venv-no-torch
MUTATION := .venv-mutation
AXE := .axe/node_modules/axe-core/axe.min.js
# Tests that need no torch, except those that take minutes.
WITHOUT_TORCH := tests/config tests/curves tests/pruning tests/ranking tests/surrogates tests/simulation \
	tests/review tests/plots/test_report.py tests/commands tests/benchmark/test_run_benchmark.py \
	tests/lcstop_optuna/test_pruner.py tests/lcstop_ray/test_scheduler.py tests/lcstop_ray/test_bad_results.py \
	tests/lcstop_ray/test_records.py tests/lcstop_ray/test_machine.py tests/lcstop_ray/test_lifecycle.py \
	tests/project/test_adapters_agree.py tests/project/test_without_torch.py tests/project/test_environments.py

.PHONY: help demo demo-ray test test-no-torch mutation slow examples check check-report docs generate optunahub train clean

help: ## list the targets (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## a real search with Optuna, with and without pruning (a minute)
	$(BIN)/lcstop demo

demo-ray: $(READY) ## the same search with Ray Tune
	$(BIN)/lcstop demo --engine ray --out demo-output/ray

test: $(READY) ## the tests (under 10 minutes)
	$(BIN)/python -m pytest

# Tests the installed wheel. The tests are copied, so that the checkout is not imported.
test-no-torch: $(NO_TORCH)/.ready ## the wheel and its tests in an environment without torch
	rm -rf $(NO_TORCH)/dist $(NO_TORCH)/checkout
	$(NO_TORCH)/bin/pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir $(NO_TORCH)/dist .
	$(NO_TORCH)/bin/pip install --quiet --disable-pip-version-check --no-deps --force-reinstall $(NO_TORCH)/dist/*.whl
	mkdir $(NO_TORCH)/checkout
	cp -r tests configs docs examples pyproject.toml README.md $(NO_TORCH)/checkout/
	cd $(NO_TORCH)/checkout && ../bin/python -c "import lcstop, lcstop_optuna, lcstop_ray, importlib.util as of; \
		assert of.find_spec('torch') is None, 'torch is installed'; \
		assert 'site-packages' in lcstop.__file__, lcstop.__file__"
	cd $(NO_TORCH)/checkout && ../bin/python -m pytest \
		-m "not torch and not slow and not postgres and not examples" $(WITHOUT_TORCH)

# Runs a sample of mutants of the decision path, see benchmarks/mutation/session.py. It takes an hour or two and
# resumes after an interruption. It works in a copy, because it changes the modules. `make clean` removes the
# results.
mutation: $(MUTATION)/session.sqlite ## a sample of mutants of the decision path (hours, resumable)
	cp -r lcstop tests benchmarks pyproject.toml $(MUTATION)/checkout/
	cd $(MUTATION)/checkout && PATH="$(abspath $(BIN)):$$PATH" PYTHONPATH=. \
		../bin/cosmic-ray exec benchmarks/mutation/cosmic-ray.toml ../session.sqlite
	cd $(MUTATION)/checkout && ../bin/python benchmarks/mutation/session.py figure ../session.sqlite

slow: $(READY) ## the tests that take minutes; needs PostgreSQL's server and Chromium
	$(BIN)/python -m pytest -m "slow or postgres"

examples: $(EXAMPLES)/.ready ## every search of examples/README.md, in an environment of its own (2.4 GB)
	$(EXAMPLES)/bin/python -m pytest tests/project/test_examples.py -m "examples or slow" -s

check: $(READY) ## linter, formatter, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# axe-core comes from npm, and is used by nothing else. Without Chromium or npm the tests are skipped, and say so.
check-report: $(READY) $(AXE) ## the report in Chromium: no accessibility error by axe-core, no message, keyboard, phone
	$(BIN)/python -m pytest -m slow -rs tests/plots/test_report_accessibility.py tests/plots/test_report_browser.py

docs: $(DOCS_READY) ## the documentation, in site/; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

generate: $(READY) ## configs/optuna.yaml, configs/schema/ and docs/options.md, from the options' fields
	$(BIN)/python configs/generate.py

optunahub: $(READY) ## the package for OptunaHub, in dist/optunahub/
	$(BIN)/python packaging/make_optunahub.py

train: $(READY) ## the weights of LC-PFN, trained again (hours)
	$(BIN)/lcstop train configs/train/lcpfn.yaml --out runs/lcpfn

# torch comes first and with its exact version, so that no other package selects its build.
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $(READY)

$(DOCS_READY): $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[docs]"
	touch $(DOCS_READY)

$(EXAMPLES)/.ready: pyproject.toml constraints.txt
	test -x $(EXAMPLES)/bin/python || $(PYTHON) -m venv $(EXAMPLES)
	$(EXAMPLES)/bin/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(EXAMPLES)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable ".[examples]" pytest pytest-timeout
	touch $(EXAMPLES)/.ready

$(AXE):
	npm install --prefix .axe --no-save --no-audit --no-fund --silent axe-core@4.14.1 || echo "npm cannot install axe-core"

# The dependencies of the wheel and of its extras, except torch, in the versions of constraints.txt.
$(NO_TORCH)/.ready: pyproject.toml constraints.txt
	test -x $(NO_TORCH)/bin/python || $(PYTHON) -m venv $(NO_TORCH)
	$(NO_TORCH)/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		".[optuna,ray,plot,mcmc]" grpcio hypothesis joblib pytest pytest-timeout
	touch $(NO_TORCH)/.ready

$(MUTATION)/session.sqlite: $(READY)
	test -x $(MUTATION)/bin/python || $(PYTHON) -m venv $(MUTATION)
	$(MUTATION)/bin/pip install --quiet --disable-pip-version-check cosmic-ray==8.7.0
	mkdir -p $(MUTATION)/checkout
	cp -r lcstop benchmarks $(MUTATION)/checkout/
	cd $(MUTATION)/checkout && ../bin/cosmic-ray init benchmarks/mutation/cosmic-ray.toml ../all.sqlite
	cd $(MUTATION)/checkout && ../bin/python benchmarks/mutation/session.py sample ../all.sqlite
	mv $(MUTATION)/all.sqlite $@

clean: ## remove the environments and what the targets wrote
	rm -rf .venv .axe $(EXAMPLES) $(NO_TORCH) $(MUTATION) dist demo-output site
