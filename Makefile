# Each target makes the environment that it needs when it is missing. PYTHON chooses the interpreter for it.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DOCS_READY := .venv/.docs-ready
EXAMPLES := .venv-examples

.PHONY: demo demo-ray test examples check docs generate optunahub train clean

demo: $(READY)
	$(BIN)/lcstop demo

demo-ray: $(READY)
	$(BIN)/lcstop demo --engine ray --out demo-output/ray

test: $(READY)
	$(BIN)/python -m pytest

# Every example of the table in examples/README.md, with what it saved.
examples: $(EXAMPLES)/.ready
	$(EXAMPLES)/bin/python -m pytest tests/project/test_examples.py -m "examples or slow" -s

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The pages, in site/; a warning is an error.
docs: $(DOCS_READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# What is made from the fields of the options: configs/optuna.yaml, configs/schema/, docs/options.md.
generate: $(READY)
	$(BIN)/python configs/generate.py

# The package in the layout of OptunaHub's registry, in dist/optunahub/.
optunahub: $(READY)
	$(BIN)/python packaging/make_optunahub.py

train: $(READY)
	$(BIN)/lcstop train configs/train/lcpfn.yaml --out runs/lcpfn

# torch first and by its exact version, so that no other package decides which build of it comes.
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

clean:
	rm -rf .venv $(EXAMPLES) dist demo-output site
