# Two commands: `make demo` sets everything up and runs the main job, `make test` sets up and passes the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo
PIP_OPTIONS := --quiet --disable-pip-version-check

.PHONY: demo test slow lint types layers docs wheel clean
.DEFAULT_GOAL := demo

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_OPTIONS) --upgrade pip

$(VENV)/.run: $(BIN)/python pyproject.toml
	@echo "Installing wepy and what the demonstration needs into $(VENV) ..."
	$(BIN)/python -m pip install $(PIP_OPTIONS) --editable '.[md,openmm,scoop,plot,parquet]'
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml
	@echo "Installing wepy and what the tests need into $(VENV) ..."
	$(BIN)/python -m pip install $(PIP_OPTIONS) --editable '.[all]' --group dev
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run  ## walkers of alanine dipeptide on 2 SCOOP workers, then an ancestry, a DCD and a picture
	@rm -rf $(DEMO)
	@$(BIN)/wepy init alanine-dipeptide -o $(DEMO)
	@$(BIN)/wepy run $(DEMO)/alanine-dipeptide.toml --workers 2
	@$(BIN)/wepy-data check $(DEMO)/run.h5
	@$(BIN)/wepy-data ancestry $(DEMO)/run.h5
	@$(BIN)/wepy-data export $(DEMO)/run.h5 -o $(DEMO)/lineage.dcd
	@$(BIN)/wepy-data plot $(DEMO)/run.h5 -o $(DEMO)/tree.png
	@echo
	@echo "The run, one HDF5 file:         $(DEMO)/run.h5"
	@echo "Its last walker's lineage:      $(DEMO)/lineage.dcd, lineage.pdb (topology), lineage.csv (what each frame is)"
	@echo "The walker trees, a picture:    $(DEMO)/tree.png"

test: $(VENV)/.dev  ## the tests, doctests included; statistical proofs apart
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup

slow: $(VENV)/.dev  ## statistical proofs that take minutes
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m slow

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

layers: $(VENV)/.dev
	$(BIN)/lint-imports

docs: $(VENV)/.dev  ## builds site/; fails if the generated pages do not match the schema
	$(BIN)/python -m wepy_data.schema.reference --check docs/data-model
	$(BIN)/python -m wepy_data.query.table_page --check docs/data-model
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

wheel: $(VENV)/.dev  ## a wheel, installed and tried in an environment of its own
	$(BIN)/python tests/wheel/try_wheel.py

clean:
	rm -rf $(VENV) $(DEMO) site dist build
