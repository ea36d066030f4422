# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Processes that share the tests; each takes about 1.5 GiB.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

.PHONY: demo test test-all lint clean install

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --upgrade pip
	# PyTorch first and pinned: a looser request can bring in another build.
	$(BIN)/python -m pip install -qq $$(grep '^torch==' constraints.txt)
	$(BIN)/python -m pip install -qq -c constraints.txt -e '.[dev,docs]'
	touch $(STAMP)

# Real digits that ship with scikit-learn: no network connection and no data folder needed.
demo: $(STAMP)
	rm -rf demo
	$(BIN)/sqnn train --model sqdr-cnn --data digits --epochs 60 --batch-size 32 --seed 0 --out demo
	$(BIN)/sqnn evaluate demo
	# The same network on the best qubits of a calibrated 133-qubit chip, then under growing noise.
	$(BIN)/sqnn evaluate demo --noise torino
	$(BIN)/sqnn noise-sweep demo --noise depolarizing,amplitude-damping,readout --strength 0:0.2:0.02 \
		--workers 0 --no-progress --out demo/noise
	@echo "Look at demo/training.png and demo/noise/noise-sweep.png; predict with: $(BIN)/sqnn predict demo IMAGE"

test: $(STAMP)
	$(PYTEST)

test-all: $(STAMP)
	$(PYTEST) -m 'slow or not slow'

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python docs/generate_results.py --check
	$(MAKE) docs

.PHONY: docs results coverage

# The site, in build/site; a broken link or a page outside the navigation is an error.
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Tables and numbers of the pages, from benchmarks/results/*.csv.
results: $(STAMP)
	$(BIN)/python docs/generate_results.py

coverage: $(STAMP)
	$(PYTEST) tests --cov --cov-report=term:skip-covered

clean:
	rm -rf $(VENV) runs demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache .cache .coverage*
