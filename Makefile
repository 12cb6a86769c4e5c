# Makefile - the few verbs of this project. `make help` lists them; the work is in scripts/.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=

# Handed to scripts/install alone: exported, they would reach every make below this one.
PLACES = PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' INCLUDEDIR='$(INCLUDEDIR)' DESTDIR='$(DESTDIR)'

.DEFAULT_GOAL := build
.PHONY: help build install uninstall deb dist sbom docs setup quick test test-long test-kill test-ledger test-crash test-proxy test-fleet test-hosts test-simulation test-story test-threads test-twice test-debian soak long-run fuzz check bench demo demo-fleet clean

help:
	@echo 'make            build the library: build/lib/libtracevault.so.0'
	@echo 'make install    install library, C binding, headers, debug symbols, manual pages, pkg-config and'
	@echo '                CMake files below PREFIX ($(PREFIX)); DESTDIR stages them for a package'
	@echo 'make uninstall  remove what install put there'
	@echo 'make deb        Debian packages of the built library in build/deb; the same bytes each time'
	@echo 'make dist       the source archive of this commit in build/dist'
	@echo 'make sbom       print what is inside the library: SPDX, JSON'
	@echo 'make docs       a static site in build/docs: guides, C and Python reference; links are checked'
	@echo 'make setup      install what building and testing need (Debian packages, Python venv)'
	@echo 'make test       everything that must hold: setup, build, Swift tests, C, Python, checks'
	@echo 'make quick      what to run between two edits: a debug build and the tests that are soonest done'
	@echo 'make test-long  everything of make test in its full length (an hour): kills, flips, forks, days'
	@echo 'make test-kill N=20000      kill processes at work on one vault, N times (make test: 100)'
	@echo 'make test-ledger N=5000     kill processes that share a budget ledger (make test: 60)'
	@echo 'make test-fleet N=2000      many hosts on one bucket and one Redis, N kills (make test: 40; half an hour); none is skipped'
	@echo 'make test-hosts             every host, compiler and packaging tool there is a test for; none is skipped'
	@echo 'make test-crash ROUNDS=8    power loss at every step of ROUNDS rounds of edits (make test: 1)'
	@echo 'make test-proxy N=100000    requests through a failing network, N of them (make test: 1500)'
	@echo 'make test-simulation SEEDS=10000  SEEDS simulated days, and fleets of 50 hosts (make test: 30, one)'
	@echo 'make test-story N=100000     messages of known outcome, N of them, in any order of lines (make test: 1500)'
	@echo 'make test-threads           the Swift tests under ThreadSanitizer'
	@echo 'make test-twice             two release builds in two places are the same byte for byte'
	@echo 'make test-debian            packages and systemd service in a bare Debian 12 (root, the net); none is skipped'
	@echo 'make soak MINUTES=12        everything at once in a C and a Python host (make test: 12 s)'
	@echo 'make long-run MINUTES=60    an epoll and an rsyslog host: server restarts, rotations, full disks,'
	@echo '                            clock jumps (make test: 24 s)'
	@echo 'make fuzz SECONDS=60        libFuzzer with ASan: JSON texts, whole replies, lines of a log, walks'
	@echo 'make check      only the checks of scripts/checks; `scripts/check NAME` runs one'
	@echo 'make demo       fetch traces from a stand-in for Cloudflare, through C, Python and the command'
	@echo 'make demo-fleet two hosts, one bucket, one quota: a rotation on one is used on the other'
	@echo 'make bench      measure; prints a table and writes build/bench.json'
	@echo 'make clean      remove build/ and .build/'

build:
	@scripts/build

install:
	@$(PLACES) scripts/install

uninstall:
	@$(PLACES) scripts/install --remove

deb: build
	@scripts/deb

dist:
	@scripts/dist

sbom: build
	@scripts/sbom

docs:
	@scripts/setup docs
	@build/venv-docs/bin/python scripts/docs

setup:
	@scripts/setup

test:
	@scripts/test

quick:
	@scripts/quick

test-long:
	@TRACEVAULT_LONG=1 TRACEVAULT_FLEET=1 TRACEVAULT_FLEET_KILLS=500 TRACEVAULT_KILLS=2000 TRACEVAULT_FORKS=5000 TRACEVAULT_ROUNDS=1000 \
	    TRACEVAULT_LEDGER_KILLS=300 TRACEVAULT_BULK_SECONDS=22 TRACEVAULT_PROXY_REQUESTS=5000 \
	    TRACEVAULT_JSON_DOCUMENTS=30000 TRACEVAULT_WALK_DOCUMENTS=15000 \
	    TRACEVAULT_SOAK_MINUTES=2 TRACEVAULT_LONG_RUN_MINUTES=10 TRACEVAULT_CONVERSATIONS=20000 TRACEVAULT_FORMATS=1000 \
	    TRACEVAULT_SEEDS=200 scripts/test

test-kill: N ?= 20000
test-kill: build
	@TRACEVAULT_KILLS=$(N) build/venv/bin/python -m pytest -q -s -p no:cacheprovider \
	    Tests/vaults/test_vault_proofs.py -k killed

test-ledger: N ?= 5000
test-ledger:
	@TRACEVAULT_LEDGER_KILLS=$(N) build/venv/bin/python -m pytest -q -s -p no:cacheprovider \
	    Tests/quota/test_ledger_proofs.py

# What print their figures are the files test_fleet_*.py. A test that is skipped has failed.
test-fleet: N ?= 2000
test-fleet: build
	@scripts/setup
	@PYTHONPATH=Tests/tools TRACEVAULT_FLEET=1 TRACEVAULT_FLEET_KILLS=$(N) build/venv/bin/python -m pytest -q -n 3 \
	    --dist loadfile -p no:cacheprovider -p no_skips Tests/stores Tests/*/test_fleet_*.py Tests/quota/test_redis_*.py

# Root, because collectd starts programs of another user only so. A test that is skipped has failed.
test-hosts: build
	@scripts/setup docs
	@scripts/setup hosts
	@PYTHONPATH=Tests/tools build/venv/bin/python -m pytest -q -n 3 --dist loadfile -p no:cacheprovider -p no_skips \
	    Tests/hosts Tests/vaults/test_key_files.py Tests/project/test_install.py Tests/project/test_packages.py \
	    Tests/project/test_docs.py Tests/project/test_hosts_guide.py
	@PYTHONPATH=Tests/tools build/venv/bin/python -m pytest -q -p no:cacheprovider -p no_skips \
	    bindings/python/tests/cli/test_rsyslog.py

test-crash: ROUNDS ?= 8
test-crash:
	@TRACEVAULT_CRASH_ROUNDS=$(ROUNDS) swift test --filter VaultCrashTests

test-proxy: N ?= 100000
test-proxy: build
	@TRACEVAULT_PROXY_REQUESTS=$(N) build/venv/bin/python -m pytest -q -s -p no:cacheprovider \
	    Tests/outcomes/test_proxy.py

test-simulation: SEEDS ?= 10000
test-simulation:
	@scripts/simulation $(SEEDS)

test-story: N ?= 100000
test-story: build
	@TRACEVAULT_CONVERSATIONS=$(N) TRACEVAULT_FORMATS=1000 build/venv/bin/python -m pytest -q -s \
	    -p no:cacheprovider Tests/traces/test_story.py Tests/traces/test_postfix_formats.py

test-threads:
	@scripts/test-threads

test-twice:
	@TRACEVAULT_LONG=1 build/venv/bin/python -m pytest -q -p no:cacheprovider Tests/project/test_builds.py

# Root and the net. A test that is skipped has failed.
test-debian: build
	@scripts/setup debian
	@PYTHONPATH=Tests/tools TRACEVAULT_LONG=1 build/venv/bin/python -m pytest -q -p no:cacheprovider -p no_skips \
	    Tests/project/test_bare_debian.py

soak: MINUTES ?= 12
soak: build
	@TRACEVAULT_SOAK_MINUTES=$(MINUTES) build/venv/bin/python -m pytest -q -s -p no:cacheprovider \
	    Tests/hosts/test_soak.py

long-run: MINUTES ?= 60
long-run: build
	@TRACEVAULT_LONG_RUN_MINUTES=$(MINUTES) build/venv/bin/python -m pytest -q -s -p no:cacheprovider \
	    Tests/hosts/test_long_run.py

fuzz: SECONDS ?= 60
fuzz:
	@scripts/fuzz json $(SECONDS)
	@scripts/fuzz reply $(SECONDS)
	@scripts/fuzz line $(SECONDS)
	@scripts/fuzz walk $(SECONDS)

check:
	@scripts/check

bench:
	@scripts/setup bench
	@scripts/build
	@bench/run

demo:
	@scripts/setup
	@scripts/build
	@demo/run

demo-fleet:
	@scripts/setup
	@scripts/build
	@build/venv/bin/python demo/hosts.py

clean:
	rm -rf build .build .build-tests .build-threads .build-fuzz
