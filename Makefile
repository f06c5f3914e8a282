# One entry point for people and for CI. `make` alone lists what there is.
# Everything that a target writes is inside the project: .venv (packages), .sluice (state), .env (where Dagster's home is).

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:  # two pips in one .venv, or two first starts of Dagster on one home, break it
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
HOME_DIR := .sluice/dagster_home
# Never the caller's DAGSTER_HOME: the home gets this project's dagster.yaml.
export DAGSTER_HOME := $(CURDIR)/$(HOME_DIR)

# The first of these that is 3.11 to 3.14 and can make environments; `make setup PYTHONS=/path/to/python` chooses another.
PYTHONS := python3.11 python3.12 python3.13 python3.14 python3
PYTHON_TEST := import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
# --no-compile saves a quarter of the installation; -qq keeps errors.
INSTALL := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq install --no-compile -c constraints.txt

# The home comes from .env here: with the variable exported, `dagster dev` warns that the dagster.yaml beside it, which
# is the one that the home links to, will not be used.
# It is `dagster dev` with a guard in front of its webserver (docs/front-door.md).
# Warnings out of click say that the command is superseded.
DEV := env -u DAGSTER_HOME PYTHONWARNINGS=ignore:::click.core $(BIN)/python -m platform_assets.webserver dev

PORT ?= 3000
DEMO_HOME := $(CURDIR)/.sluice/demo
# Test workers: one for each core, at most 8 (a container may see all cores of its host; a worker takes about 200 MB).
# Of all tests many wait for processes: half as many workers again, so that no core does.
CORES := $(shell n=$$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2); [ "$$n" -le 8 ] || n=8; echo "$$n")
JOBS ?= $(shell echo $$(($(CORES) + ($(CORES) + 1) / 2)))
# Benchmarks that take minutes: they run by name only.
LONG_BENCHES := collector caps tenants products ranks
# Parts of others, started by them.
BENCH_PARTS := caps_worker strict_server
BENCHES = $(filter-out $(LONG_BENCHES) $(BENCH_PARTS), $(patsubst benchmarks/%.py,%,$(shell grep -l '__main__' benchmarks/*.py)))

##@ Use

.PHONY: demo
demo: $(VENV)/.runtime home ## The whole platform against local upstreams, in under two minutes
	@$(BIN)/python -m platform_assets.demo

.PHONY: dev
dev: $(VENV)/.ui home ## Dagster's UI and daemon and the REST API on 127.0.0.1 (PORT=3000; DEMO=1: of `make demo`)
	@export $(if $(DEMO),DAGSTER_HOME=$(DEMO_HOME)/dagster_home SLUICE_HOME=$(DEMO_HOME)) \
	  SLUICE_DAGSTER_URL=http://127.0.0.1:$(PORT) SLUICE_API_OPEN_READS=$${SLUICE_API_OPEN_READS:-true}; \
	  $(BIN)/python -m api & api=$$!; trap 'kill $$api' EXIT; \
	  $(if $(DEMO),$(subst -u DAGSTER_HOME,,$(DEV)),$(DEV)) -w workspace.yaml -h 127.0.0.1 -p $(PORT)

.PHONY: api
api: $(VENV)/.ui home ## The REST API alone (SLUICE_API_URL); it starts runs through the webserver at SLUICE_DAGSTER_URL
	@$(BIN)/python -m api

.PHONY: env
env: home ## Print what lets `dagster` find its home from any folder: eval "$(make env)"
	@echo "export DAGSTER_HOME='$(DAGSTER_HOME)'"
	@echo "export SLUICE_HOME='$(CURDIR)/.sluice'"

##@ Develop

.PHONY: setup
setup: $(VENV)/.dev home ## Create .venv with everything for development; instant when nothing changed

.PHONY: check
check: ## What CI runs: lint, types, test
	@$(MAKE) lint
	@$(MAKE) types
	@$(MAKE) test

.PHONY: lint
lint: $(VENV)/.dev ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: fmt
fmt: $(VENV)/.dev ## Let ruff format, and fix what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: types
types: $(VENV)/.dev ## pyright, strict
	@$(BIN)/pyright

.PHONY: test
test: $(VENV)/.dev home ## All tests, the slow ones too, a share of long repetitions (JOBS=2, ARGS="-k lease", ARGS="-m 'not slow'")
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

.PHONY: fast
fast: $(VENV)/.dev ## While you work, under a minute: the tests of single modules of the platform (ARGS="-k lease")
	@$(BIN)/python -m pytest -n $(CORES) --dist worksteal --hypothesis-profile fast -m 'not slow' \
	  --ignore tests/unit/sandbox --ignore tests/unit/benchmarks tests/unit $(ARGS)

.PHONY: soak
soak: $(VENV)/.dev home ## All tests, the long repetitions in full: every kill, the largest tables
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --soak $(ARGS)

.PHONY: bench
bench: $(VENV)/.dev ## Benchmarks that take seconds, or one by name (NAME=engine)
	@set -e; for name in $(or $(NAME),$(BENCHES)); do echo "== $$name"; $(BIN)/python -m "benchmarks.$$name"; done

##@ Maintain

.PHONY: constraints
constraints: ## Pin what .venv holds in constraints.txt (after adding or upgrading a package there)
	@pins=$$($(BIN)/python -m pip --disable-pip-version-check -qq freeze --exclude-editable) && { \
	  sed -n '/^#/p' constraints.txt; \
	  echo "$$pins" | grep -E '^[A-Za-z0-9._-]+==[^ ]+$$' | LC_ALL=C sort -f; } >constraints.new \
	  && mv constraints.new constraints.txt

.PHONY: clean
clean: ## Remove caches and build output; .venv and the state under .sluice stay
	@rm -rf build dist .pytest_cache .ruff_cache .hypothesis .tmp_dagster_home_*
	@find . -name .venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: reset
reset: clean ## Also remove .venv, and .sluice with all state and collected data
	@rm -rf $(VENV) .sluice *.egg-info

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Installation. Each set of packages has a stamp; a larger set satisfies the smaller ones.

STAMPS := $(VENV)/.runtime $(VENV)/.ui $(VENV)/.dev
$(VENV)/.runtime: EXTRAS :=
$(VENV)/.runtime: SATISFIES := $(VENV)/.runtime
$(VENV)/.ui: EXTRAS := [ui]
$(VENV)/.ui: SATISFIES := $(VENV)/.runtime $(VENV)/.ui
$(VENV)/.dev: EXTRAS := [ui,aws,gcp,korean,browser,dev]
$(VENV)/.dev: SATISFIES := $(STAMPS)

$(STAMPS): pyproject.toml constraints.txt | $(VENV)/.created
	@echo "Installing sluice$(EXTRAS) into $(VENV): up to a minute, once" >&2
	@$(INSTALL) -e '.$(EXTRAS)'
	@$(BIN)/python -c "$$JOB_MODULE"
	@touch $(SATISFIES)

# `dagster job execute` takes the module neither from pyproject.toml, as all other commands do, nor from .env in time:
# the environment's Python supplies it to that one command, so that `dagster job execute -j games_full` needs no -m.
define JOB_MODULE
import pathlib, sysconfig
pathlib.Path(sysconfig.get_path("purelib"), "sluice.pth").write_text(
    "import os; os.environ.setdefault('DAGSTER_CLI_JOB_EXECUTE_MODULE_NAME', 'platform_assets.definitions')\n"
)
endef
export JOB_MODULE

$(VENV)/.created:
	@for python in $(PYTHONS); do \
	  if "$$python" -c '$(PYTHON_TEST)' >/dev/null 2>&1; then \
	    echo "Creating $(VENV) with $$python" >&2; "$$python" -m venv $(VENV) && touch $@; exit; \
	  fi; \
	done; \
	echo "No Python 3.11 to 3.14 with venv and ensurepip among: $(PYTHONS)." >&2; \
	echo "Install one (Debian, Ubuntu: apt install python3 python3-venv), or name one: make setup PYTHONS=/path/to/python" >&2; \
	exit 1

# Dagster's home. The first start on an empty SQLite home must be alone: several at once can leave it unusable
# (dagster issue 27390). A linked dagster.yaml makes edits in the repository count, and each edit is loaded once here.

.PHONY: home
home: $(HOME_DIR)/.ready dotenv

$(HOME_DIR)/.ready: dagster.yaml | $(VENV)/.runtime
	@mkdir -p $(HOME_DIR)
	@ln -sfn ../../dagster.yaml $(HOME_DIR)/dagster.yaml
	@$(BIN)/dagster instance info >/dev/null
	@touch $@

# `dagster` reads .env of the folder that it is started in, before it looks for its home. What is exported wins,
# and so does a DAGSTER_HOME line of your own: this one is the first of the file. umask: .env may hold secrets.
.PHONY: dotenv
dotenv:
	@line='DAGSTER_HOME=$${DAGSTER_HOME:-$(DAGSTER_HOME)} # kept by make'; \
	grep -qxF "$$line" .env 2>/dev/null || { \
	  umask 077; { echo "$$line"; grep -sv ' # kept by make$$' .env; } >.env.new; \
	  cat .env.new >.env; rm .env.new; }
