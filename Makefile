# Two commands do everything on a machine that has only Python and make: `make train` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Two workers, one thread each: torch would otherwise start as many threads as there are cores in every worker.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: help
help: ## Say what each target does.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  ARGS='…' is handed on: make train ARGS='corpus=beir corpus.path=…', make quick ARGS='-k run'. PYTHON=python3.12 chooses the interpreter."

.PHONY: setup
setup: $(READY) ## Make .venv with everything pinned (done again only when pyproject.toml or the pins change).

$(READY): pyproject.toml .ci/constraints.txt
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("Python %d.%d is not supported: give one from 3.11 to 3.13, as in make PYTHON=python3.12 setup." % sys.version_info[:2])'
	@test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing into $(VENV); torch is large, so this takes some minutes."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable '.[weights,dev]'
	@touch $@

.PHONY: train
train: setup ## Train a dual encoder by self on-the-fly distillation, evaluate it, print a table.
	$(BIN)/python train.py teacher=colbert loss=self_otf $(ARGS)

.PHONY: record
record: setup ## Append a recipe's sealed evaluations to its results.jsonl and render its table: ARGS='experiment=adam'.
	$(BIN)/python train.py record $(ARGS)

.PHONY: verify
verify: setup ## Read all artifacts and caches again and name what is damaged: ARGS='artifacts=…'.
	$(BIN)/python train.py verify $(ARGS)

.PHONY: test
test: check ## Set up if need be, then lint, types, import contracts and every test.
	$(PYTEST) $(ARGS)

.PHONY: check
check: setup ## Lint, format, types and import contracts, without the tests.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: quick
quick: setup ## The tests that are not marked slow: three minutes on two cores.
	$(PYTEST) -m "not slow" $(ARGS)

.PHONY: slow
slow: setup ## The tests marked slow: whole recipes, two processes, killed and resumed runs.
	$(PYTEST) -m slow $(ARGS)

.PHONY: bad-inputs
bad-inputs: setup ## Try every bad input of tests/bad_inputs: tried, refused clearly, other. ARGS='qrels' tries those so named.
	$(BIN)/python -m tests.bad_inputs $(ARGS)

.PHONY: fuzz
fuzz: setup ## Fuzz the readers for ten minutes, by coverage where atheris is there (the extra fuzz): ARGS='60 run' for less.
	$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: recipes
recipes: setup ## Every recipe from end to end, at toy size.
	$(PYTEST) tests/recipes $(ARGS)

.PHONY: faults
faults: setup ## Kill, stop and starve every recipe 20 times and compare what comes of it: ARGS='adam --faults 5'.
	$(BIN)/python -m tests.faults $(ARGS)

.PHONY: numbers
numbers: setup ## Record what the recipes' stages come to at toy size, once the revision of the kinds that changed is raised.
	RECORD_NUMBERS=1 $(PYTEST) -n 0 tests/recipes/test_recipes.py -k another_revision $(ARGS)

.PHONY: planted
planted: setup ## What recipes change on a planted collection: students beat both controls, filters filter, dark lies between.
	$(PYTEST) tests/recipes/test_controls.py tests/recipes/test_planted_lists.py $(ARGS)

.PHONY: speed
speed: setup ## Measure ours beside peers in their own environments: experiments/speed; ARGS='--rows step --smoke'.
	$(BIN)/python -m experiments.speed.measure $(ARGS)

.PHONY: format
format: setup ## Put the code into its one format and mend what the linter can mend.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: wheel
wheel: setup ## Build dist/*.whl, which carries conf/ so that `retrieval-kd` works outside a checkout.
	$(BIN)/python -m hatchling build -t wheel

.PHONY: faiss-gpu
faiss-gpu: setup ## Put FAISS's GPU build in the place of its CPU build in .venv.
	$(BIN)/python -m pip uninstall --yes --quiet faiss-cpu
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt 'faiss-gpu-cu12>=1.11,<2'

.PHONY: clean
clean: ## Remove caches and builds; .venv and artifacts stay.
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +
