# The front door. `make help` lists what can be asked for; scripts/ has the longer steps.
.DEFAULT_GOAL := help
SHELL := /bin/sh
.PHONY: help setup build demo start test sim bench

# One build for demo, test and start: dependencies are optimized there too, and none is built twice.
BINARY := target/debug/greenroom
WORLDS ?= 1000000
SEED ?= 1
REPEAT ?= 1

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile
	@awk '/^bench-[a-z-]+:/ { sub(":.*", ""); printf "  make %s\n", $$0 }' bench/bench.mk

setup: ## Everything the other commands need: system packages, crates, the speech model
	@sh scripts/setup.sh

# 3: all is there but the speech model or the recordings, and setup has said what to do about it.
.PHONY: prepare
prepare:
	@sh scripts/setup.sh || [ $$? -eq 3 ]

.PHONY: model-base test-base-en
model-base: prepare ## The second speech model, base-en: fewer wrong words; see README
	@python3 scripts/models_base.py --lock crates/speech/base-en.lock models/base-en

test-base-en: model-base ## The second speech model on recordings, and the circles it may go round in
	@sh scripts/test_base_en.sh models

build: app ## The program for others to use: target/release/greenroom
	cargo build --locked --release -p server

# Without Node the program is built all the same, and says on its pages how to get the app.
.PHONY: app e2e screenshots
app: ## The web app, into the program's next build
	@sh scripts/app.sh

e2e: prepare app ## The app in a real browser: make e2e REPEAT=20
	cargo build --locked --workspace --bin greenroom
	@sh scripts/e2e.sh --repeat $(REPEAT)

screenshots: prepare app ## Every state of the app as pictures, in target/screenshots
	cargo build --locked --workspace --bin greenroom
	@SHOTS=$(CURDIR)/target/screenshots sh scripts/e2e.sh

demo: prepare ## Watch an interview: server, client, recorded speech, captions, report
	cargo build --locked --workspace --bin greenroom
	@GREENROOM=$(BINARY) sh scripts/demo.sh

start: prepare app ## Run the server for trying things out, on this machine only
	cargo build --locked --workspace --bin greenroom
	@$(BINARY) serve --dev

test: prepare ## Format, lints, all tests, 50,000 simulated worlds; ends with a total
	@sh scripts/test.sh

.PHONY: conformance
PORT ?= 0
conformance: ## A server for the protocols' own suites: make conformance PORT=3000
	cargo run --locked -p server --features conformance --bin conformance -- $(PORT)

.PHONY: fuzz
fuzz: ## Every decoder under libFuzzer, ten million executions each: make fuzz RUNS=100000 SEED=1
	@sh scripts/fuzz.sh

sim: ## The engine's speed, then simulated worlds: make sim WORLDS=100000 SEED=1
	cargo run --locked --release -p sim -- --bench
	cargo run --locked --release -p sim -- --worlds $(WORLDS) --seed $(SEED)

bench: bench-self-test bench-starts bench-takeover bench-relay bench-speech bench-report ## Every benchmark, one after the other

include bench/bench.mk
