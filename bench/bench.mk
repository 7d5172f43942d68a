# Included by the Makefile at the root. Each command ends by itself and exits
# non-zero when a figure falls short; limits are in bench/limits.toml.
.PHONY: bench-build bench-self-test bench-relay bench-idle bench-starts

bench-build:
	cargo build --release --locked -p server -p bench

bench-self-test: bench-build
	target/release/bench self-test

bench-relay: bench-build
	target/release/bench relay
	target/release/bench idle

bench-idle: bench-build
	target/release/bench idle

bench-starts: bench-build
	target/release/bench starts
