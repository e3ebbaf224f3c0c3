# Two commands on a fresh machine: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
DEBIAN := dcmtk dicom3tools orthanc orthanc-dicomweb chromium iproute2 fonts-dejavu-core
TOOLS := storescu:dcmtk dciodvfy:dicom3tools Orthanc:orthanc chromium:chromium ip:iproute2
export PATH := $(PATH):/usr/sbin:/sbin

.DEFAULT_GOAL := help
.PHONY: help run demo setup system test lint unit interop fault browser bench check lock screenshots clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 22

run: setup ## start the box (ARGS="--host 127.0.0.1 --http-port 8081" to change)
	$(BIN)/bucky run $(ARGS)

demo: setup ## a box, a reader and a phantom X-ray unit on this machine
	$(BIN)/bucky demo $(ARGS)

setup: $(VENV)/.ready webui/static/viewer/light-table.js ## the Python environment and the built page

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

webui/static/viewer/light-table.js: $(VENV)/.ready $(wildcard webui/viewer/src/*.ts) webui/viewer/light-table.css webui/viewer/package-lock.json
	$(BIN)/python webui/viewer/build.py
	touch $@

system: ## install the Debian packages that tests need, where they are missing and this user may
	@missing=""; for entry in $(TOOLS); do command -v $${entry%%:*} >/dev/null || missing="$$missing $${entry##*:}"; done; \
	[ -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ] || missing="$$missing orthanc-dicomweb"; \
	if [ -n "$$missing" ] && command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  echo "Installing:$$missing"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(DEBIAN) >/dev/null; \
	elif [ -n "$$missing" ]; then echo "Missing, tests that need them are skipped:$$missing"; fi

test: setup system lint ## everything: checks, then all tests
	$(BIN)/python -m pytest tests

lint: setup ## style, types, import directions, and the viewer's types
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python webui/viewer/build.py

unit: setup ## quick tests of single parts
	$(BIN)/python -m pytest tests/unit

interop: setup system ## against real dcmtk tools and a real Orthanc
	$(BIN)/python -m pytest tests/interop

fault: setup system ## real processes killed, lying destinations
	$(BIN)/python -m pytest tests/fault

browser: setup system ## the pages in a real browser
	$(BIN)/python -m pytest tests/browser

bench: setup system ## speed and memory beside Orthanc, in one run
	$(BIN)/python -m tests.bench.bench $(ARGS)

check: lint unit ## the quick checks before a commit

lock: setup ## resolve the dependencies anew and write requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --extra dev --output-file requirements.lock --upgrade pyproject.toml

screenshots: setup system ## make the pictures of README.md from the running product
	$(BIN)/python -m tests.browser.screenshots

clean: ## remove what the targets made, but no data
	rm -rf $(VENV) build webui/static/viewer webui/viewer/node_modules *.egg-info
