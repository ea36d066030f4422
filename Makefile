# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
# Where `make peers` clones the code published with HAS-8 from, and its commit; it is used in place.
HAS8 ?= https://github.com/luutn2002/has-8
HAS8_COMMIT := faa28fc85be1db7951b133300102274814b72e90
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Processes that share the tests; each takes about 1.5 GiB.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

.PHONY: demo test test-all lint peers clean install

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
	$(BIN)/sqnn train --recipe digits --seed 0 --out demo
	# The same network on the best qubits of a calibrated 133-qubit chip, then under growing noise.
	$(BIN)/sqnn evaluate demo --noise torino
	$(BIN)/sqnn noise-sweep demo --noise depolarizing,amplitude-damping,readout --strength 0:0.2:0.02 \
		--workers 0 --no-progress --out demo/noise
	# Where the run lies among the published ones, as the settings of both say.
	$(BIN)/sqnn evaluate demo --expect benchmarks/results/seeds-digits.csv
	@echo "Look at demo/training.png and demo/noise/noise-sweep.png; predict with: $(BIN)/sqnn predict demo IMAGE"

test: $(STAMP)
	$(PYTEST) --durations=20

test-all: $(STAMP)
	$(PYTEST) -m 'slow or not slow' tests notebooks

# Environments of their own for what `sqnn bench` measures beside sqnn; each ends in a check of versions and values.
peers: .venv-peers/.installed .venv-peers-jax/.installed

.venv-peers/.installed: PEERS := -r benchmarks/requirements.txt
.venv-peers-jax/.installed: PEERS := -r benchmarks/requirements-jax.txt
.venv-peers/.installed .venv-peers-jax/.installed: pyproject.toml constraints.txt $(wildcard benchmarks/requirements*.txt)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install -qq --upgrade pip
	# PyTorch first and pinned, as in `install`; what asks for another build comes without its requirements.
	$(@D)/bin/python -m pip install -qq $$(grep '^torch==' constraints.txt)
	$(@D)/bin/python -m pip install -qq -c constraints.txt -e '.[dev]' $(PEERS)
	$(@D)/bin/python -m pip install -qq --no-deps -r benchmarks/requirements-no-deps.txt
	rm -rf $(@D)/has-8 && git clone -q $(HAS8) $(@D)/has-8 && git -C $(@D)/has-8 checkout -q $(HAS8_COMMIT)
	cd $(@D) && echo "$$PWD/has-8" > "$$(bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/has_8.pth"
	$(@D)/bin/sqnn bench peers --pinned constraints.txt --required benchmarks/requirements-no-deps.txt \
		$(subst -r ,--required ,$(PEERS))
	touch $@

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
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
	rm -rf $(VENV) .venv-peers .venv-peers-jax demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .cache .coverage*
