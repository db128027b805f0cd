# Each target makes .venv when it is missing. PYTHON chooses the interpreter for it.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo demo-ray test check train clean

demo: $(READY)
	$(BIN)/lcstop demo

demo-ray: $(READY)
	$(BIN)/lcstop demo --engine ray --out demo-output/ray

test: $(READY)
	$(BIN)/python -m pytest

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

train: $(READY)
	$(BIN)/lcstop train configs/train/lcpfn.yaml --out runs/lcpfn

# torch first and by its exact version, so that no other package decides which build of it comes.
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check "$$(grep '^torch==' constraints.txt)"
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $(READY)

clean:
	rm -rf .venv dist demo-output
