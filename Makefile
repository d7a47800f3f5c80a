# Guarantee: each target does the set-up it needs and then its job, on a machine with only Python 3.11, a C++ compiler and
# make. Set-up happens once, and again only when a lock, pyproject.toml or set-up itself has changed. Every path is relative,
# so the checkout may lie anywhere, also below a folder whose name has spaces.

PYTHON ?= python3
export PYTHON
# What is compiled is kept: otherwise every process that a test starts compiles all sources anew.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH_VENV := .cache/bench
BENCH_READY := $(BENCH_VENV)/.ready
STORM_VENV := .cache/storm-venv
STORM_READY := $(STORM_VENV)/.ready
DOCS_VENV := .cache/docs-venv
DOCS_READY := $(DOCS_VENV)/.ready
SITE := .cache/site

# The tests' models use one thread each, so files of tests run side by side, as many as there are cores: one more, and
# those that prove exactness with two threads would wait for each other at every step. tests/conftest.py says which stand
# in a row, and that the browser's begin first.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder

.PHONY: help run test test-fast lint format bench storm docs lock setup clean

help:
	@echo 'make run        start tsumami                 / つまみを起動する'
	@echo 'make test       lint, types, floors, all tests / すべての検査とテスト'
	@echo 'make test-fast  the tests of a minute          / 一分で済むテストだけ'
	@echo 'make lint       ruff, mypy, import-linter      / 静的検査だけ'
	@echo 'make format     let ruff format the code       / 整形'
	@echo 'make bench      measure, print ratios          / 速度を測る (NAMES="steps batch")'
	@echo 'make storm      attack it for an hour          / 一時間ほど攻撃する (ATTACKS="settings gguf")'
	@echo 'make docs       build the pages of docs as a site / 説明のサイトを作る'
	@echo 'make lock       pin the newest dependencies    / 依存関係を固定し直す'
	@echo 'make clean      remove what make made          / 作ったものを消す'

run: $(READY)
	@$(BIN)/tsumami app

# Lint takes one core: meanwhile another one compiles the tests, which every worker would do for itself.
test: $(BENCH_READY) $(STORM_READY)
	@$(BIN)/python -m pytest --collect-only -qq >.cache/collected 2>&1 & $(MAKE) --no-print-directory lint && wait
	@scripts/ensure-system
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-fast: $(READY)
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m fast

lint: $(READY)
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports --no-logo

format: $(READY)
	@$(BIN)/python -m ruff check --select I --fix .
	@$(BIN)/python -m ruff format .

bench: $(BENCH_READY)
	@$(BIN)/python -m bench $(NAMES)

# The table is written anew only where everything was tried.
storm: $(STORM_READY)
	@$(STORM_VENV)/bin/python -m storm $(ATTACKS) $(if $(ATTACKS),,--write docs/reliability.md)

# Two sites of one folder, and a page that leads to the reader's. NO_MKDOCS_2_WARNING: the theme's own advertisement.
docs: $(DOCS_READY)
	@rm -rf $(SITE)
	@for language in ja en; do NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/python -m mkdocs build --strict \
		--config-file website/$$language.yml --site-dir "$(CURDIR)/$(SITE)/$$language" || exit 1; done
	@cp website/index.html $(SITE)/
	@echo '$(SITE)/index.html'

lock: $(READY)
	@scripts/lock

setup: $(READY)

clean:
	rm -rf $(VENV) $(BENCH_VENV) $(STORM_VENV) $(DOCS_VENV) $(SITE) .cache/storm build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find src tests bench storm -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml requirements.lock requirements-build.lock scripts/set-up
	@scripts/set-up
	@touch $@

# A second llama.cpp, and a program that calls servers, live in an environment of their own, where they shadow nothing.
$(BENCH_READY): requirements-bench.lock | $(READY)
	@"$(PYTHON)" -m venv $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip install --no-deps --require-hashes -r requirements-bench.lock
	@touch $@

# What only storm needs, before everything of the environment that is attacked.
$(STORM_READY): requirements-storm.lock | $(READY)
	@$(PYTHON) -m venv $(STORM_VENV)
	@$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		> "$$($(STORM_VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/attacked.pth"
	@$(STORM_VENV)/bin/python -m pip install --no-deps --require-hashes -r requirements-storm.lock
	@touch $@

# What only the site needs; it reads the library's docstrings from the sources, so nothing else has to be set up.
$(DOCS_READY): requirements-docs.lock
	@"$(PYTHON)" -m venv $(DOCS_VENV)
	@$(DOCS_VENV)/bin/python -m pip install --progress-bar off --no-deps --require-hashes -r requirements-docs.lock
	@touch $@
