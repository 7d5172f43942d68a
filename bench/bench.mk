# Included by the Makefile at the root. Each command ends by itself and exits
# non-zero when a figure falls short; limits are in bench/limits.toml.
.PHONY: faults soak bench-churn bench-restart
.PHONY: bench-build bench-peers bench-self-test bench-relay bench-idle bench-joins bench-scale bench-starts bench-takeover bench-speech

# Two builds: together the generator's needs would change the server's.
bench-build:
	cargo build --release --locked -p server
	cargo build --release --locked -p bench

# NestJS with Socket.IO, from its lock file.
bench-peers:
	@test -d bench/peers/nestjs/node_modules/@nestjs/core || npm ci --prefix bench/peers/nestjs --no-audit --no-fund

bench-self-test: bench-build
	target/release/bench self-test

bench-relay: bench-build bench-peers
	@failed=0; \
	target/release/bench relay || failed=1; \
	target/release/bench joins || failed=1; \
	target/release/bench scale || failed=1; \
	target/release/bench idle || failed=1; \
	exit $$failed

bench-idle: bench-build
	target/release/bench idle

bench-joins: bench-build bench-peers
	target/release/bench joins

bench-scale: bench-build
	target/release/bench scale

bench-starts: bench-build
	target/release/bench starts

bench-takeover: bench-build
	target/release/bench takeover

# The second model: make bench-speech PROFILE=base-en (after make model-base).
PROFILE ?= tiny-en
bench-speech: setup bench-build
	target/release/bench speech --profile $(PROFILE)

bench-churn: bench-build
	target/release/bench churn

bench-restart: bench-build
	target/release/bench restart

# Faults at full size; small ones run with the tests.
faults: bench-build
	target/release/bench faults

MINUTES ?= 30
soak: bench-build
	target/release/bench soak --minutes $(MINUTES)

.PHONY: bench-report
bench-report:
	cargo build --release --locked -p coach --example half_hour
	cargo build --release --locked -p bench
	target/release/bench report
