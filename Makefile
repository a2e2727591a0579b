# A thin top over the CMake presets. `make help` lists what there is.

presets       := linux windows-x64 windows-x86
test_presets  := linux linux-asan linux-tsan windows-x64 windows-x86
jobs          := $(shell nproc)
CUTS          ?= 100000
FUZZ_TARGET   ?= all
FUZZ_SECONDS  ?= 60
SOAK_SECONDS  ?= 600

.DEFAULT_GOAL := all
.PHONY: all help dependencies test test-crash fuzz soak demo bench package clean format

all: dependencies $(presets:%=build-%) ## build the utility and the driver for Linux, x64 and x86

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

dependencies:
	@tools/install_dependencies.sh

build-%: dependencies
	@cmake --preset $* >build-$*.log 2>&1 || { cat build-$*.log; rm -f build-$*.log; \
	    echo "make: configuring the preset $* failed" >&2; exit 1; }
	@rm -f build-$*.log
	@cmake --build --preset $* -- -j$(jobs) || { \
	    echo "make: building the preset $* failed" >&2; exit 1; }

test: $(test_presets:%=build-%) ## run every test
	@{ for preset in $(test_presets); do echo "subdirs($$preset)"; done; } \
	    >build/CTestTestfile.cmake
	@ctest --test-dir build --output-on-failure --no-tests=error -j$(jobs) $(CTEST_FLAGS)

demo: build-linux build-windows-x64 ## open a disk image as a volume in Wine, step by step
	@demo/demo.sh

test-crash: build-linux ## cut the power CUTS times (100000) a format, and commands short
	@for trial in "powercut --count $(CUTS)" "commands --count $$(($(CUTS) / 50))"; do \
	    sed -n 's/^set(IMAGE_FORMATS \(.*\)).*/\1/p' tests/image/CMakeLists.txt | tr ' ' '\n' | \
	    xargs -I{} -P$(jobs) build/linux/tests/image/test_image_$$trial --format {} || exit 1; \
	done

fuzz: build-linux-asan ## fuzz FUZZ_TARGET (all) for FUZZ_SECONDS (60) each
	@tools/fuzz.sh $(FUZZ_TARGET) $(FUZZ_SECONDS)

soak: build-windows-x64 ## use open volumes at random for SOAK_SECONDS (600), in Wine
	@tests/driver/soak.sh $(SOAK_SECONDS) $(SOAK_SEED)

bench: build-linux build-windows-x64 ## measure, as ratios within one run
	@tests/bench/run.sh

package: build-windows-x64 build-windows-x86 ## make driver packages signed for testing
	@for arch in x64 x86; do \
	    cmake --build --preset windows-$$arch --target signed_package || exit 1; done

format: ## format all sources in place
	@clang-format -i $$(git ls-files '*.c' '*.h')

clean: ## remove everything that was built
	@rm -rf build
