# The front door: each target does its own set-up. CMakePresets.json has the flags, tools/ the work.
MAKEFLAGS += --no-print-directory
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 600

.PHONY: help demo test release bench dev format lint asan tsan fuzz clean

help:
	@echo 'make demo      the main job, on a throwaway node that runs systemd and containerd'
	@echo 'make test      every test; GNA_REQUIRE=nspawn makes a skipped one a failure'
	@echo 'make release   the portable binary: build/release/gna'
	@echo 'make bench     the figures of tests/bench/README.md'
	@echo 'make dev       a debug build: build/dev/gna'
	@echo 'make format    formats the sources; make lint checks form, includes and habits'
	@echo 'make asan tsan the unit tests under sanitizers'
	@echo 'make fuzz      each fuzzer for FUZZ_SECONDS=$(FUZZ_SECONDS)'
	@echo 'make clean     removes build/ (the node image below GNA_CACHE stays)'

dev:
	@tools/install-deps build test
	@tools/build dev

release:
	@tools/install-deps build
	@tools/build release
	@tools/binary-facts build/release/gna

demo:
	@tools/demo

test:
	@tools/install-deps build test
	@tools/build dev
	@tools/build release
	@tools/run-tests dev

asan tsan:
	@tools/install-deps build test lint
	@tools/build $@
	@tools/run-tests $@

fuzz:
	@tools/install-deps build test lint
	@tools/build fuzz
	@tools/run-fuzzers build/fuzz $(FUZZ_SECONDS)

bench: release
	@tools/install-deps build test
	@tests/bench/run
	@tests/bench/mirrors
	@tests/bench/boot

format:
	@tools/install-deps lint
	@tools/sources | xargs -r clang-format-19 -i

lint:
	@tools/install-deps build test lint
	@tools/lint

clean:
	rm -rf build
