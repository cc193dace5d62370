# make demo    the guided example on the bundled forest cover data; pictures and a web page in out/demo
# make test    the whole test suite; installs Chromium for it where Debian's apt-get may be used
# make settings    the same under several numbers of threads, kernels and orders; OPTIONS="-m outcome" for outcomes only
# make bench   all benchmarks, and the table of docs/benchmarks.md; DATA=FOLDER for large data, ONLY="step parts" for some
# make docs    the site, in out/docs; its examples are run, which takes some minutes; links and spelling are checked
# make lint    formatter, linter, type checker, import layers
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: demo test settings bench docs lint format clean
demo: $(VENV)/installed
	$(BIN)/python examples/guided.py --out out/demo

# One worker per core, with one torch thread each: more threads than cores would wait for each other. Each worker takes
# about 1 GB of memory. Bytecode is kept, although some containers are set not to: without it, each process compiles anew.
test: $(VENV)/installed
	$(BIN)/python tools/browser.py
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n logical --maxprocesses 8 --dist worksteal $(OPTIONS)

settings: $(VENV)/installed
	$(BIN)/python tools/browser.py
	PYTHONDONTWRITEBYTECODE= $(BIN)/python tools/run_settings.py $(OPTIONS)

bench: $(VENV)/installed
	$(BIN)/python benchmarks/run.py $(if $(DATA),--data "$(DATA)") $(if $(ONLY),--only $(ONLY))

# Warnings are errors, and so are links that lead nowhere. One torch thread for each of the pages that are executed side by side.
docs: $(VENV)/docs-installed
	$(BIN)/codespell README.md CONTRIBUTING.md CHANGELOG.md RELEASING.md docs examples src
	PATH="$(abspath $(BIN)):$$PATH" OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -j auto -W --keep-going -n -E -d out/doctrees docs out/docs
	@echo "open out/docs/index.html"

lint: $(VENV)/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ParaDime needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[all,dev]"
	touch $@

$(VENV)/docs-installed: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[all,docs]"
	touch $@

clean:
	rm -rf $(VENV) out build dist
