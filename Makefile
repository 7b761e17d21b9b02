# make setup | tutorial | check | test | soak | lab | bench | notebooks | clean       (`make` alone lists them)
#
# Every target sets up .venv first, when there is none or when pyproject.toml or constraints.txt changed.
# PYTHON=/path/to/python3.12 chooses the interpreter of .venv; ARGS="..." is added to the command that a target runs;
# CONSTRAINTS= installs the newest versions that pyproject.toml allows, instead of those that the tests ran on.

PYTHON ?=
ARGS ?=
CONSTRAINTS ?= -c constraints.txt
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

# $(RUN) "what" "how long it usually takes" command...: says both, runs the command, says how long it took.
RUN := sh -c 'what=$$1; usual=$$2; shift 2; echo "==> $$what (usually $$usual)"; start=$$(date +%s); "$$@"; code=$$?; \
	took=$$(($$(date +%s) - start)); if [ $$code = 0 ]; then end=done; else end="FAILED (exit status $$code)"; fi; \
	echo "==> $$what: $$end, $$((took / 60)) min $$((took % 60)) s"; exit $$code' run

.PHONY: help setup tutorial check test soak lab bench notebooks clean anew
.DEFAULT_GOAL := help

help:
	@echo "make setup      make .venv and install the packages in it (3 minutes; needs Python 3.11 or newer)"
	@echo "make tutorial   the whole pipeline from nothing to a table of recalls, trained now"
	@echo "make check      format, lint, import contract and the tests that train nothing (2 minutes): before every commit"
	@echo "make test       all fast tests and notebooks"
	@echo "make soak       the long tests"
	@echo "make lab        open notebook 00 in JupyterLab"
	@echo "make bench      run every script of benchmarks/"
	@echo "make notebooks  execute the notebooks and save their outputs"
	@echo "make clean      remove .venv, builds and caches (runs/ stays)"

setup: $(STAMP)
	@echo "==> set-up: $(VENV) is ready. Next: make lab, or make tutorial"

# .venv is made anew only if it is missing or broken, or if PYTHON= asks for another interpreter than it has.
BASE := import sys; print(sys.base_prefix, *sys.version_info[:2])
ifneq ($(PYTHON),)
ifneq ($(shell { "$(PYTHON)" -c '$(BASE)'; } 2>/dev/null),$(shell { $(PY) -c '$(BASE)'; } 2>/dev/null))
ANEW := yes
$(STAMP): anew
endif
endif
anew: ;

# The stamp holds a checksum of its inputs: a checkout that touches them without changing them installs nothing.
CANDIDATES := $(or $(PYTHON),python3.11 python3.12 python3.13 python3 python)
$(STAMP): pyproject.toml constraints.txt
	@inputs="$$(cat pyproject.toml constraints.txt | cksum)"; \
	if [ -n "$(ANEW)" ] || ! $(PY) -m pip --version >/dev/null 2>&1; then \
		python=; \
		for candidate in $(CANDIDATES); do \
			if "$$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
			then python=$$candidate; break; fi; \
		done; \
		if [ -z "$$python" ]; then \
			echo "set-up: no Python 3.11 or newer with venv found (tried: $(CANDIDATES)). Install one" \
				"(Debian: apt-get install python3.11 python3.11-venv)" \
				"or say where it is: make PYTHON=/path/to/python $(MAKECMDGOALS)" >&2; exit 1; \
		fi; \
		$(RUN) "set-up 1/2: $(VENV) with $$("$$python" --version)" "10 seconds" "$$python" -m venv --clear $(VENV) \
			|| exit 1; \
	fi; \
	if [ "$$(cat $@ 2>/dev/null)" = "$$inputs" ]; then touch $@; exit 0; fi; \
	$(RUN) "set-up 2/2: packages" "2 to 4 minutes, most of it torch" \
		$(PY) -m pip install --disable-pip-version-check --no-input $(CONSTRAINTS) -e ".[test]" \
		|| exit 1; \
	echo "$$inputs" > $@

tutorial: $(STAMP)
	@$(RUN) "tutorial: memorize 1,300 images, then find them by sentence" "15 minutes on 2 cores" \
		env GCR_REBUILD=1 GCR_PRESET=tiny $(PY) -m gcr_tutorial tutorial $(ARGS)

# Left out: training and whole runs, notebooks and browsers, and the slowest tests of the other rooms.
CHECKED := tests/test_config.py tests/test_files.py tests/test_interface.py tests/test_packaging.py tests/data tests/models \
	tests/identifiers tests/trie tests/decoding tests/retrieval tests/evaluation tests/checks tests/viz
SLOW := tests/data/test_data_at_scale.py tests/models/test_real_backbones.py tests/decoding/test_decoding_equal.py \
	tests/decoding/test_decoding_random.py tests/viz/test_trees_and_searches.py
check: $(STAMP)
	@$(RUN) "format, lint, import contract" "5 seconds" env PATH="$(CURDIR)/$(VENV)/bin:$$PATH" \
		sh -c 'ruff format --check . && ruff check . && lint-imports'
	@$(RUN) "style of the notebooks" "5 seconds" $(PY) -m gcr_tutorial lint-notebooks
	@$(RUN) "tests without training" "80 seconds on 2 cores" $(PY) -m pytest -q $(CHECKED) $(SLOW:%=--ignore=%) $(ARGS)

test: $(STAMP)
	@$(RUN) "tests and notebooks" "15 minutes on 2 cores" $(PY) -m pytest $(ARGS)

soak: $(STAMP)
	@$(RUN) "long tests" "an hour or more" $(PY) -m pytest -m soak --timeout=0 $(ARGS)

lab: $(STAMP)
	@echo "==> JupyterLab with notebook 00; Ctrl-C here ends it"
	@$(PY) -m jupyterlab notebooks/00_start_here.ipynb $(ARGS)

bench: $(STAMP)
	@for script in benchmarks/[!_]*.py; do \
		[ -f "$$script" ] || { echo "no benchmarks yet"; exit 0; }; \
		if [ "$$script" = benchmarks/gpu.py ] && ! $(PY) -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; \
		then echo "==> $$script: left out, no CUDA GPU is here"; continue; fi; \
		$(RUN) "$$script" "a minute; decoding, training and data much longer, ablations an hour" $(PY) "$$script" $(ARGS) || exit 1; \
	done

notebooks: $(STAMP)
	@$(RUN) "notebooks: execute and save" "a minute each" env GCR_PRESET=tiny $(PY) -m gcr_tutorial notebooks $(ARGS)

clean:
	@echo "==> clean: removing $(VENV), builds and caches; runs/ stays"
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .hypothesis .coverage
	@find . -name .git -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -prune -exec rm -rf {} +
