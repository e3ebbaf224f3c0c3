# Two commands on a fresh machine: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
DEBIAN := dcmtk libgdcm-tools dicom3tools orthanc orthanc-dicomweb orthanc-postgresql postgresql chromium iproute2 fonts-dejavu-core nginx-light gcc libc6-dev fuse3 libfaketime faketime \
  squashfs-tools mtools dosfstools fdisk cpio zstd systemd nftables chrony curl procps util-linux rauc cryptsetup-bin openssl swtpm busybox-static
TOOLS := storescu:dcmtk gdcmconv:libgdcm-tools dciodvfy:dicom3tools Orthanc:orthanc chromium:chromium ip:iproute2 nginx:nginx-light gcc:gcc fusermount3:fuse3 faketime:faketime \
  mksquashfs:squashfs-tools mcopy:mtools mkfs.vfat:dosfstools sfdisk:fdisk cpio:cpio zstd:zstd \
  systemd-analyze:systemd nft:nftables chronyd:chrony curl:curl sysctl:procps setpriv:util-linux rauc:rauc veritysetup:cryptsetup-bin openssl:openssl swtpm:swtpm busybox:busybox-static
FILES := /usr/share/orthanc/plugins/libOrthancDicomWeb.so:orthanc-dicomweb \
  /usr/share/orthanc/plugins/libOrthancPostgreSQLIndex.so:orthanc-postgresql /usr/lib/postgresql/*/bin/initdb:postgresql \
  /usr/lib/*/faketime/libfaketime.so.1:libfaketime /usr/include/stdio.h:libc6-dev
export PATH := $(PATH):/usr/sbin:/sbin

.DEFAULT_GOAL := help
.PHONY: help run demo setup system test lint unit interop fault browser bench check lock translations screenshots clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

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

webui/static/viewer/light-table.js: $(VENV)/.ready $(wildcard webui/viewer/src/*.ts webui/viewer/src/*/*.ts) $(wildcard webui/viewer/*.css) webui/viewer/package-lock.json
	$(BIN)/python webui/viewer/build.py
	touch $@

system: ## install the Debian packages that tests need, where they are missing and this user may
	@missing=""; for entry in $(TOOLS); do command -v $${entry%%:*} >/dev/null || missing="$$missing $${entry##*:}"; done; \
	for entry in $(FILES); do ls $${entry%%:*} >/dev/null 2>&1 || missing="$$missing $${entry##*:}"; done; \
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

fault: setup system ## kills at every step and at random, power cuts, full and failing disks, lying destinations: all trials
	BUCKY_FAULT=full BUCKY_TRUTH_TRIALS=170 $(BIN)/python -m pytest tests/fault -s --timeout 7200

browser: setup system ## the pages in a real browser
	$(BIN)/python -m pytest tests/browser

bench: setup system ## speed and memory beside Orthanc, in one run
	$(BIN)/python -m tests.bench.bench $(ARGS)
	$(BIN)/python -m tests.bench.line
	$(BIN)/python -m tests.bench.fleet

check: lint unit ## the quick checks before a commit

lock: setup ## resolve the dependencies anew and write requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --extra dev --output-file requirements.lock --upgrade pyproject.toml

translations: setup ## find the words of the pages and bring the catalogues up to date; the new ones are left empty
	mkdir -p build
	$(BIN)/pybabel -q extract -F webui/translations/babel.cfg -k N_ --no-wrap --add-location=file --sort-by-file -o build/messages.pot .
	$(BIN)/pybabel -q update -N --no-wrap --ignore-obsolete --ignore-pot-creation-date -i build/messages.pot -d webui/translations

screenshots: setup system ## make the pictures of README.md from the running product
	$(BIN)/python -m tests.browser.screenshots
	BUCKY_SCREENSHOTS=$(CURDIR)/provisioning/screenshots $(BIN)/python -m pytest -q tests/browser/test_vendor.py

include firmware/Makefile

clean: ## remove what the targets made, but no data
	rm -rf $(VENV) build webui/static/viewer webui/viewer/node_modules *.egg-info
