# What can be done here. `make test` is what every change must pass.

.PHONY: help demo test setup bench generate fuzz
.DEFAULT_GOAL := help

# The plugins that come with the tool.
PLUGINS := aws hardening

help:
	@echo 'make demo    build the tool and run its main job on a simulated cluster'
	@echo 'make test    install what the tests need, then format, lints, documents and all tests'
	@echo 'make generate  write anew what documents show of the tool: picture, example log, list of checks, schema'
	@echo 'make bench   measure plugins, and a check of 5, 25 and 100 servers against plain ssh (about 10 minutes)'
	@echo 'make fuzz    fuzz everything that reads text from outside (about 15 minutes; needs cargo-fuzz and a nightly compiler)'

# The report of a cluster with things to fix ends with an exit status of its
# own (0 to 3); only what is above is a failure of the demonstration. The tool
# lies beside its plugins, as in an unpacked archive, where nobody else can write.
demo:
	@cargo build --quiet --package checker $(PLUGINS:%=--package checker-plugin-%)
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	install -d -m 755 "$$dir/plugins"; install -m 755 target/debug/checker "$$dir"; \
	install -m 644 $(PLUGINS:%=target/debug/libchecker_%.so) "$$dir/plugins"; \
	status=0; "$$dir/checker" --simulate demo --target-version 4.4.33 --no-bundle || status=$$?; \
	test $$status -le 3

setup:
	@tests/setup.sh

# Lints and documents first: they need the dependencies' metadata alone, and
# what they build of OpenSSL is used again by the tests. Many tests wait for
# processes and clocks: two at a time for each core.
test: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((2 * $$(nproc)))} cargo test --workspace --no-fail-fast

# A test holds each of them to what the tool prints.
generate:
	UPDATE_DOCS=1 cargo test --quiet --test docs
	UPDATE_SCHEMA=1 cargo test --quiet --package checker-core schema

bench: setup
	cargo bench --bench plugins
	cargo bench --bench fleet

# How long each fuzz target runs.
SECONDS_EACH ?= 120

fuzz:
	@cargo fuzz --version >/dev/null 2>&1 || { echo 'fuzz: cargo-fuzz is missing: cargo install cargo-fuzz' >&2; exit 1; }
	@cargo +nightly --version >/dev/null 2>&1 || { echo 'fuzz: a nightly compiler is missing: rustup toolchain install nightly' >&2; exit 1; }
	cargo run --quiet --package checker-checks --example fuzz_seeds -- fuzz/corpus
	set -e; for target in $$(cargo +nightly fuzz list); do \
		cargo +nightly fuzz run --sanitizer none "$$target" -- -max_total_time=$(SECONDS_EACH) -timeout=20 -max_len=65536; \
	done
