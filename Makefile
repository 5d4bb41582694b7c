# Tessera's front door: a thin layer over CMake presets (CMakePresets.json) and tools/.
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 10
export FUZZ_SECONDS

.PHONY: build demo test check asan ubsan tsan coverage aarch64 fuzz torture power-cuts conformance bench install uninstall format clean help

build: ## Build the library and the command line: build/release/tessera
	@tools/build release products

demo: ## Real ocean relief to sharded Zarr and back, each step explained
	@tools/setup build demo
	@tools/build release products
	@tools/demo

test: ## All tests, or T=NAME for those that match (a ctest pattern, or a tests/....py)
	@tools/test $(if $(T),--only '$(T)')

check: ## Format, layers, documentation of the API, gcc -fanalyzer, clang-tidy, spelling
	@tools/check

asan ubsan tsan coverage: ## The tests under a sanitizer, or with line coverage
	@tools/test --preset $@ $(if $(T),--only '$(T)')

aarch64: ## The unit tests cross-compiled for AArch64, in an emulator
	@tools/aarch64 '$(T)'

fuzz: ## Run each fuzz target for FUZZ_SECONDS (10)
	@tools/fuzz

torture: ## Writers of the same shards, TensorStore's too, that are killed, and 100,000 kinds of damage, at full size
	@tools/setup build test
	@tools/build dev
	@TESSERA_TORTURE=1 build/dev/tests/array/test_torture
	@TESSERA_TORTURE=1 TESSERA="$(CURDIR)/build/dev/tessera" build/venv/bin/python -m pytest -q \
		-c tests/pytest.ini --rootdir tests -p no:cacheprovider tests/interop/test_torture_tensorstore.py
	@TESSERA_TORTURE=1 build/dev/tests/array/test_damage

power-cuts: ## Power cuts on a simulated disk, at full size, and on XFS where a loop device may be made
	@tools/setup build
	@tools/build dev
	@TESSERA_POWER_CUTS=1 build/dev/tests/store/test_store_fs_power_cut
	@TESSERA_POWER_CUTS=1 build/dev/tests/array/test_array_power_cut
	@tests/fault/power_cut_xfs.py build/dev/tessera build || [ $$? = 77 ]

conformance: ## Every case of the matrix against every peer (long); writes docs/conformance.md
	@tools/setup build test
	@tools/build release products
	@tests/interop/zarrs_peer/build
	@TESSERA="$(CURDIR)/build/release/tessera" build/venv/bin/python tests/interop/conformance.py --jobs 2

bench: ## Measure against tensorstore and zarrs
	@tools/setup build bench
	@tools/build release
	@bench/run

install: build ## Install under PREFIX (/usr/local); DESTDIR is honoured
	@cmake --install build/release --prefix "$(PREFIX)"

uninstall: ## Remove what the last `make install` put there
	@tools/uninstall build/release/install_manifest.txt

format: ## Let clang-format rewrite all C files
	@tools/setup check
	@tools/check_format --fix

clean: ## Remove everything that was built (build/venv and build/node stay: `rm -rf build` for all)
	@find build -mindepth 1 -maxdepth 1 ! -name venv ! -name node -exec rm -rf {} + 2>/dev/null || true

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## /{printf "  make %-28s %s\n", $$1, $$2}' Makefile
