# SPDX-License-Identifier: Apache-2.0
# The front door. Meson does the work; tools/setup.sh installs what is missing.
.POSIX:
.PHONY: all demo test soak vm-test asan fuzz bench docs fmt fmt-check lint layers install deb clean setup

BUILD = build
PREFIX = /usr/local
DESTDIR =

all: setup
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) -Dtests=false >/dev/null
	@ninja -C $(BUILD) --quiet evoke evoke-launcher evoke-runtimes
	@test -x $(BUILD)/evoke

setup:
	@tools/setup.sh build

demo: all
	@tools/demo.sh $(BUILD)

test:
	@tools/setup.sh test
	@python3 tools/test.py

# The faults of asynchronous delivery for longer: 1,000 kill -9 of the daemon, deeper damage to its files. Half an hour.
soak:
	@tools/setup.sh test
	@python3 tools/test.py soak

# Limits on a real cgroup v2 host: a Debian 12 of its own in qemu. Not part of `make test`: it downloads 150 MB, needs root
# for debootstrap, and takes ten minutes.
vm-test:
	@tools/setup.sh test
	@test -f $(BUILD)-vm/build.ninja || meson setup $(BUILD)-vm >/dev/null
	@ninja -C $(BUILD)-vm --quiet
	@tests/vm/run.sh $(BUILD)-vm

# Parts of `make test`, by themselves.
asan:
	@tools/setup.sh test
	@python3 tools/test.py asan
lint:
	@tools/setup.sh test
	@python3 tools/test.py lint
layers:
	@python3 tools/layers.py
fmt:
	@git ls-files '*.c' '*.h' | xargs clang-format -i
fmt-check:
	@git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror

# docs/cli.md from the table of commands, docs/compat/operations.md from those of operations; the manual goes to build/man1 (make install brings it along).
docs: all
	@ninja -C $(BUILD) --quiet tools/operations
	@$(BUILD)/evoke docs markdown >docs/cli.md
	@$(BUILD)/tools/operations >docs/compat/operations.md
	@$(BUILD)/evoke docs man $(BUILD)/man1

# Fuzz each target for FUZZ_SECONDS (60), starting from the corpora in tests/fuzz/corpus.
fuzz:
	@tools/setup.sh test
	@tools/fuzz.sh

bench: all
	@tools/setup.sh test
	@python3 bench/run.py --build $(BUILD)

# make install [PREFIX=/usr/local] [DESTDIR=]: bin/evoke and lib/evoke, which may be moved as a whole; manual, completions, systemd
# units, example configuration, rules and dashboards in share/ and lib/.
install: all
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@ninja -C $(BUILD) --quiet evoke evoke-launcher evoke-runtimes
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild --strip --quiet
	@packaging/install.sh $(BUILD)/evoke "$(DESTDIR)" $(PREFIX)
	@echo "installed $(DESTDIR)$(PREFIX)/bin/evoke and $(DESTDIR)$(PREFIX)/lib/evoke"

# A Debian package, $(BUILD)/evoke_VERSION_ARCH.deb. VERSION=1.2.3 gives it another version.
deb: all
	@tools/setup.sh deb
	@packaging/deb/build.sh $(BUILD) $(VERSION)

clean:
	rm -rf build build-*
