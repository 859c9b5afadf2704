# Melody Forge, one command a job; `make help` lists them. For GNU make 3.81 and any sh.
#
#   make music PYTHON=/path/to/python3.12    uses that Python
#   make music MINUTES=30                    trains for longer

VENV := .venv
IN := $(VENV)/bin
MINUTES := 5
PYTHON :=
INPUTS := midi musicxml mxl abc kern upload model recipe address
IN_PARALLEL := --numprocesses=logical --maxprocesses=4 --dist=worksteal

.DEFAULT_GOAL := help
.PHONY: help music app test quick check torture bench audit setup clean

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

music: setup ## compose a first piece; with MIDI files in data/midi_files, learn from them before
	@setup/make_music.sh $(IN)/python $(MINUTES)

app: setup ## start the studio; it prints the address to open
	@$(IN)/streamlit run app.py

test: check ## run all checks and tests
	@setup/install_packages.sh fluidsynth chromium nodejs
	$(IN)/python -m pytest $(IN_PARALLEL)
	$(IN)/python -m torture --only $(INPUTS) kills

quick: $(VENV)/.dev ## the fast part of the tests, in a minute or two
	$(IN)/python -m pytest $(IN_PARALLEL) -m "not slow and not browser"

torture: $(VENV)/.dev ## try to break it for a minute or two; MINUTES=60 is the long form, for docs/reliability.md
	@setup/install_packages.sh fluidsynth chromium
	$(IN)/python -m torture $(if $(filter command line,$(origin MINUTES)),--minutes $(MINUTES) --write)

check: $(VENV)/.dev
	$(IN)/ruff check .
	$(IN)/ruff format --check .
	$(IN)/mypy

bench: $(VENV)/.dev ## measure speed and quality beside the usual tutorial pipeline: about half an hour
	$(IN)/python -m benchmarks.speed
	$(IN)/python -m benchmarks.time_to_quality

audit: $(VENV)/.dev ## ask for known vulnerabilities in the packages it runs on; needs the internet
	$(IN)/pip-audit --local --progress-spinner off

setup: $(VENV)/.runtime ## install everything into .venv
	@setup/install_packages.sh fluidsynth

clean: ## remove .venv and caches; keeps music, datasets and models
	rm -rf $(VENV) benchmarks/.venv .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@setup/make_venv.sh $(VENV) $(PYTHON)

# A stamp says that the requirements as they stand are installed.
$(VENV)/.runtime: requirements.txt pyproject.toml $(VENV)/pyvenv.cfg
	@echo "Installing requirements.txt: about 2 GB, a few minutes ..."
	@$(IN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt pyproject.toml $(VENV)/.runtime
	@echo "Installing requirements-dev.txt ..."
	@$(IN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
