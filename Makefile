# The developer's commands. Building and testing happen in a Debian 13 root that
# is made on the first use (tests/host); `meson setup build && meson compile -C build`
# is all that a machine with libsystemd 257, inih and libuuid needs.

export WORK_DIR CLAUDE_HOME DIRENV_ALLOW

help: ## this list
	@awk -F ':.*## ' '/^[a-z.]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: ## run the real Claude Code in a real VM on a demo project, and show what happened
	tests/demo

check: ## all tests
	tests/check

quick: ## the inner loop: build, unit and generator tests
	tests/check quick

fuzz: ## each fuzz target for TIME (1h, 10m, default 1m), as many at once as there are processors
	tests/host/run --no-boot -- /src/tests/stages/fuzz $(or $(TIME),1m)

build: ## compile in the test host's root
	tests/host/run --no-boot -- /src/tests/stages/build gcc

golden: build ## write the golden files of the generator; read the diff
	chmod -R a+w tests/generator/cases
	tests/host/run --no-boot --writable -- /src/tests/generator/run-cases /build/gcc/generator/claude-vm-generator /src/tests/generator/cases --update
	chmod -R go-w tests/generator/cases

format: ## clang-format on all C sources
	tests/host/run --no-boot --writable --root -- sh -c 'cd /src && find common generator helper tests -name "*.[ch]" -exec clang-format -i {} +'

bench: ## measure; PARTS="start network files sessions memory manager load" for some of it
	tests/bench/bench $(PARTS)

campaign: ## FAULTS=100 faults at random moments, from SEED on
	tests/host/shell --first /src/tests/campaign/root-faults /src/tests/campaign/faults --faults $(or $(FAULTS),100) $(addprefix --seed ,$(SEED))

figures: ## measure all, and write BENCHMARKS.md
	tests/bench/bench >BENCHMARKS.md.new
	mv BENCHMARKS.md.new BENCHMARKS.md

deb: ## Debian packages, in deb/
	mkdir -p deb
	tests/host/run --no-boot -- sh -c '/src/contrib/debian/build /build/deb >&2 && tar --create --directory /build/deb .' | tar --extract --directory deb
	ls deb/*.deb

install: ## install on this machine (meson install; DESTDIR and MESON_ARGS are honoured)
	[ -e build/build.ninja ] || meson setup build $(MESON_ARGS)
	meson install -C build

vm.run: ## Claude Code in a VM on WORK_DIR (default: here); CLAUDE_HOME, DIRENV_ALLOW
	tests/vm-run

host: ## a shell in the test host, with the project installed
	tests/host/shell

clean: ## remove build directories, the test host's root and its guest images
	tests/host/clean

.PHONY: help demo check quick fuzz build deb golden format bench campaign figures install vm.run host clean
.DEFAULT_GOAL := help
