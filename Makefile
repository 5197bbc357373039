# SPDX-License-Identifier: GPL-2.0
#
# kchan: Go's channels as file descriptors. "make help" tells what there is.

PREFIX	?= /usr/local
DESTDIR	?=
KVER	?= $(shell uname -r)
KDIR	?= /lib/modules/$(KVER)/build
FILES	?= /usr/share/common-licenses /usr/share/doc
# For how many seconds each stress runs; how often "make repeat" repeats, how long the
# tests' loops are then, and how many run at a time.
TIME	:= 60
TIMES	:= 200
SCALE	:= 0.1
REPEATS	:= 3

# Where systemd looks, as it says itself; without it, where it would look too.
systemd	= $(shell pkg-config --variable=$(1) systemd 2>/dev/null)
UNITDIR	?= $(or $(call systemd,systemdsystemunitdir),$(PREFIX)/lib/systemd/system)
MODULESLOADDIR ?= $(or $(call systemd,modulesloaddir),$(PREFIX)/lib/modules-load.d)
LIBEXECDIR ?= $(PREFIX)/libexec/kchan

# "make" and "make install" install no packages: they name those that are missing. What
# runs or measures something installs what it needs.
named	:= all module library install uninstall
deps	:= $(if $(filter-out $(named),$(MAKECMDGOALS)),,-n)
# What the module takes besides.
headers	:= $(if $(wildcard $(KDIR)/Makefile),,-a linux-headers-$(KVER))

export PREFIX DESTDIR

# For depmod: who became root with su may have a PATH that lacks it.
sbin	:= PATH="$$PATH:/usr/sbin:/sbin"

# V=1 shows the commands, and all that the tests say.
quiet	:= $(if $(V),,-s)

uapi-tests = $(shell $(MAKE) -s --no-print-directory -C tests/uapi names)
stresses = $(addprefix build/stress/,\
	$(shell $(MAKE) -s --no-print-directory -C tests/stress names))
suite	:= @tests/vm/suite

## all: the module, for this machine's kernel, and the library
all: module library

module:
	@scripts/deps.sh $(deps) $(headers) build
	@[ -e "$(KDIR)/Makefile" ] || { \
		echo "no headers of kernel $(KVER) at $(KDIR); \"make library\" does without" >&2; \
		exit 1; \
	}
	@tests/vm/module $(KDIR)

library:
	@scripts/deps.sh $(deps) build
	@$(MAKE) --no-print-directory $(quiet) -C userspace all

## run: count the words of FILES="..." here if /dev/kchan is here, else in a guest
run: library
	@scripts/run-wordfreq $(FILES)

# run-suites KERNELS,SUITES[,BESIDE,PROGRAMS]: with the kernels and the programs that
# they need. Those BESIDE run one after another, beside the first of the others.
define run-suites
	@scripts/deps.sh check
	@for each in $(1); do tests/vm/kernel $$each >/dev/null || exit; done
	@for each in $(4); do \
		$(MAKE) --no-print-directory $$each || exit; \
	done
	@tests/vm/suite --begin
	@for each in $(3); do \
		$(MAKE) --no-print-directory check-$$each || true; \
	done & \
	for each in $(2); do \
		$(MAKE) --no-print-directory check-$$each || true; \
	done; \
	wait
	@tests/vm/suite --totals
endef

# Debian's kernels that the module is for.
VERSIONS := stock 6.1 rt newest

## check: all tests; build/logs/ has what they said
check:
	$(call run-suites,$(VERSIONS) uml debug,$(SUITES),$(BESIDE),\
		uapi-programs stress-programs sanitized-programs races-programs)

# For the last ones one processor is enough; two guests of two are each slower beside the
# other than one after another. What both rows build is built before, or has a lock
# (tests/vm/module).
SUITES := build debug uapi-stock newest stress-stock lib docs leaks races
BESIDE := lint kunit-uml vm model python-uml clients-uml

check-build:
	$(suite) build scripts/build-all

check-versions:
	$(suite) versions scripts/build-all $(VERSIONS)

check-lint:
	$(suite) lint scripts/lint

check-vm:
	$(suite) vm tests/vm/selftest

check-model:
	$(suite) model tests/model/run

check-kunit-uml:
	$(suite) kunit-uml tests/vm/kunit uml

# One is in Python, of which the guests have what is carried in.
uapi-all = -e PYTHONHOME=/t/python \
	-b "-f build/python:/t/python -f $$(readlink -f /usr/bin/python3):/usr/bin/python3" \
	$(1) $(addprefix build/uapi/,$(uapi-tests)) $(wildcard tests/uapi/*/*.py)

$(addprefix check-uapi-,$(VERSIONS)): check-uapi-%: uapi-programs
	$(suite) uapi-$* tests/vm/programs -l 120 $(call uapi-all,$*)

# The instrumented kernel: the KUnit tests, the fd contract, and a slice of "make stress",
# each of its tests for some seconds. In one guest, since to boot it and to look for leaks
# takes a minute.
check-debug: uapi-programs stress-programs
	$(suite) debug tests/vm/programs -l 600 -e KCHAN_STRESS_TIME=5 \
		-b "-f $$(tests/vm/module -k debug):/t/kchan_kunit.ko" \
		$(call uapi-all,debug) tests/kunit/kunit.sh $(stresses)

# Of the fd contract, what a kernel's version can change.
check-newest: uapi-programs
	$(suite) newest tests/vm/programs -l 120 newest \
		$(addprefix build/uapi/,open reopen ends setup rw signals poll epoll \
		exclusive end_of_stream fionread timens userns security notify unload \
		names_file names_end names_owner names_limits names_mount names_userns \
		names_use \
		select select_many select_poll arm arm_ends arm_loop arm_edge armed_read \
		arm_uring commit uring)

check-stress-stock: stress-programs
	$(suite) stress-stock tests/vm/programs -l 300 -b "-c 4" \
		-e KCHAN_STRESS_TIME=5 stock $(stresses)

check-lib: library
	$(suite) lib tests/lib/run

sanitized-programs: library
	@$(MAKE) --no-print-directory $(quiet) -C userspace sanitized

# What the documents show.
check-docs: library
	$(suite) docs tests/docs/run

check-leaks: sanitized-programs
	$(suite) leaks tests/lib/run leaks

# What the race detector finds, and what it must not find.
races-programs: library
	@$(MAKE) --no-print-directory $(quiet) -C userspace races

check-races: races-programs
	$(suite) races tests/lib/run races

## check-python: the Python module: its types, its tests, its examples and its page
check-python: library
	@scripts/deps.sh python
	$(suite) python tests/python/run

# A slice of it, where the processor is not emulated, and so in half a minute.
check-python-uml: library
	$(suite) python-uml env KERNEL=uml tests/python/run waits asyncio

uapi-programs:
	@$(MAKE) --no-print-directory $(quiet) -C tests/uapi
	@tests/vm/python build/python array asyncio encodings.utf_8 fcntl struct

## versions: all tests of the fd contract on 6.1, 6.12, 6.12 with PREEMPT_RT, newest
versions:
	$(call run-suites,$(VERSIONS),versions $(addprefix uapi-,$(VERSIONS)))

# The compiler, and what else is for another processor.
arm64 := $(foreach tool,CC=gcc AR=ar LD=ld OBJCOPY=objcopy,\
	$(subst =,=aarch64-linux-gnu-,$(tool)))

arm64-uapi-programs:
	@$(MAKE) --no-print-directory $(quiet) -C tests/uapi $(arm64) \
		out=../../build/arm64-uapi

# There is no ncurses for that processor.
arm64-library:
	@$(MAKE) --no-print-directory $(quiet) -C userspace $(arm64) \
		out=../build/arm64-user NCURSES= all

# The processor is emulated, so the loops are short.
check-uapi-arm64: arm64-uapi-programs
	$(suite) uapi-arm64 tests/vm/programs -l 300 -e KCHAN_TEST_SCALE=0.1 arm64 \
		$(addprefix build/arm64-uapi/,$(uapi-tests))

# With pages of 16 KiB: what depends on their size.
check-mapped-arm64-16k: arm64-uapi-programs
	$(suite) mapped-arm64-16k tests/vm/programs -l 300 -e KCHAN_TEST_SCALE=0.1 \
		arm64-16k $(addprefix build/arm64-uapi/,$(notdir $(basename \
		$(wildcard tests/uapi/mapped/*.c tests/uapi/limits/*.c))))

# A slice of the library's: what moves elements, and what depends on the processor.
check-lib-arm64: arm64-library
	$(suite) lib-arm64 env KCHAN_BUILD=build/arm64-user KERNEL=arm64 \
		KCHAN_TEST_SCALE=0.1 tests/lib/run repeat 2 1 fault panic signals \
		fork chan mapped batch select select_wait ends goroutine dump tls

## arm64: module, library and tests for arm64, in an emulated machine; 4 and 16 KiB pages
arm64:
	@scripts/deps.sh arm64
	@for each in arm64 arm64-16k; do \
		tests/vm/kernel $$each >/dev/null || exit; \
	done
	@$(MAKE) --no-print-directory arm64-uapi-programs arm64-library
	@tests/vm/suite --begin
	@for each in uapi-arm64 mapped-arm64-16k lib-arm64; do \
		$(MAKE) --no-print-directory check-$$each || true; \
	done
	@tests/vm/suite --totals

## check-packages: build the packages, install, use, upgrade and remove them in a Debian 12
check-packages:
	@scripts/deps.sh packages
	@tests/vm/suite --begin
	@tests/vm/suite packages tests/packages/run || true
	@tests/vm/suite --totals

stress-programs:
	@$(MAKE) --no-print-directory $(quiet) -C tests/stress

## stress: each for TIME=60 seconds: 2 and 4 CPUs, stock and instrumented; 100,000 jobs
stress: stress-programs library
	@scripts/deps.sh check
	@tests/vm/suite --begin
	@for kernel in stock debug; do for cpus in 2 4; do \
		tests/vm/suite stress-$$kernel-$$cpus tests/vm/programs \
			-l $$(($(TIME) * 3 + 1200)) -b "-c $$cpus" \
			-e KCHAN_STRESS_TIME=$(TIME) $$kernel $(stresses) || true; \
	done; done
	@KCHAN_JOBS=100000 KCHAN_TEST_TIMEOUT=14400 LIMIT=28800 tests/vm/suite stress-work \
		tests/lib/run repeat 4 1 killed || true
	@tests/vm/suite --totals

## sanitized: the library's tests and examples with ASan and UBSan built in
sanitized: sanitized-programs
	@scripts/deps.sh check
	@tests/vm/suite --begin
	@tests/vm/suite sanitized tests/lib/run sanitized || true
	@tests/vm/suite --totals

## raced: the library's tests and examples with the race detector built in
raced: library
	@scripts/deps.sh check
	@$(MAKE) --no-print-directory $(quiet) -C userspace raced
	@tests/vm/suite --begin
	@tests/vm/suite raced tests/lib/run raced || true
	@tests/vm/suite --totals

## repeat: each of the library's tests, or those of ONLY, TIMES=200, on 2 and 4 CPUs
repeat: library
	@scripts/deps.sh check
	@tests/vm/suite --begin
	@for cpus in 2 4; do \
		tests/vm/suite repeat-$$cpus env KCHAN_TEST_SCALE=$(SCALE) \
			JOBS=$(REPEATS) MEMORY=4096 \
			tests/lib/run repeat $$cpus $(TIMES) $(ONLY) || true; \
	done
	@tests/vm/suite --totals

# The package for Go, in a guest.
check-go: library
	@scripts/deps.sh go
	$(suite) go tests/go/run

## go: the tests of the Go package
go: library
	@scripts/deps.sh go
	@tests/vm/kernel stock >/dev/null
	@V=1 tests/vm/suite go tests/go/run

check-clients: library
	@scripts/deps.sh clients
	$(suite) clients tests/clients/run

# A slice of it, where the processor is not emulated, and so in half a minute: what needs
# no large packages.
check-clients-uml: library
	$(suite) clients-uml env KERNEL=uml tests/clients/run uv event uring shell \
		systemd

## clients: channels under libuv, libevent, liburing, Rust, Go, node, socat and more
clients: library
	@scripts/deps.sh clients
	@tests/vm/kernel stock >/dev/null
	@V=1 tests/vm/suite clients tests/clients/run

## kunit: the quick loop: the state machine's tests, in User-mode Linux
kunit:
	@scripts/deps.sh check
	@tests/vm/kernel uml >/dev/null
	@V=1 tests/vm/suite kunit-uml tests/vm/kunit uml

## model: check a model of the protocol with spin, and that it finds each fault
model:
	@scripts/deps.sh model
	@V=1 tests/vm/suite model tests/model/run

## kunit-smp: the same on two CPUs, in User-mode Linux of the newest source
kunit-smp:
	@scripts/deps.sh check
	@tests/vm/kernel uml-smp >/dev/null
	@V=1 tests/vm/suite kunit-smp tests/vm/kunit uml-smp

## bench: what channels cost, beside pipes, sockets, queues, threads and Go; all, or GROUPS
bench: library
	@scripts/deps.sh bench
	@tests/bench/run $(GROUPS)

## pictures: draw those of the documents again whose sources have changed
pictures:
	@scripts/deps.sh pictures
	@docs/pictures/draw

## shell: a prompt in a guest, with the module loaded and the tools at hand
shell: library
	@scripts/deps.sh run
	@module=$$(tests/vm/module stock) && tests/vm/boot -I -M "$$module" \
		$(foreach tool,$(TOOLS),-f $(tool):/usr/bin/$(notdir $(tool)))

TOOLS := build/user/kchanctl build/user/wordfreq

## html: the manual as HTML, in build/user/html
html:
	@scripts/deps.sh html
	@$(MAKE) --no-print-directory $(quiet) -C userspace html

## lint: checkpatch, sparse, W=1, shellcheck, cppcheck, floors of the library
lint:
	@scripts/deps.sh check
	@scripts/lint

## install: module, mount unit, library, tools and manual (DESTDIR, PREFIX); loads it
install: all install-system
	install -D -m 644 build/host/kchan.ko "$(DESTDIR)/lib/modules/$(KVER)/extra/kchan.ko"
	install -d "$(DESTDIR)$(UNITDIR)/sysinit.target.wants"
	ln -sf ../run-kchan.mount "$(DESTDIR)$(UNITDIR)/sysinit.target.wants"
	@$(MAKE) --no-print-directory -C userspace install
	@[ -n "$(DESTDIR)" ] || $(sbin) depmod -a "$(KVER)"
	@$(if $(live),"$(LIBEXECDIR)/load")

# What loads the module and mounts the names, without the module. The packages enable the
# unit themselves.
install-system:
	install -D -m 755 packaging/load "$(DESTDIR)$(LIBEXECDIR)/load"
	install -D -m 644 packaging/kchan.conf "$(DESTDIR)$(MODULESLOADDIR)/kchan.conf"
	install -D -m 644 packaging/run-kchan.mount "$(DESTDIR)$(UNITDIR)/run-kchan.mount"

# Set where the system that is installed to is the one that runs.
live	= $(if $(DESTDIR),,$(filter $(KVER),$(shell uname -r)))

## uninstall: unload the module, and take away what install put there
uninstall:
	@$(if $(live),packaging/load -r || :)
	rm -f "$(DESTDIR)/lib/modules/$(KVER)/extra/kchan.ko" \
		"$(DESTDIR)$(MODULESLOADDIR)/kchan.conf" \
		"$(DESTDIR)$(UNITDIR)/run-kchan.mount" \
		"$(DESTDIR)$(UNITDIR)/sysinit.target.wants/run-kchan.mount" \
		"$(DESTDIR)$(LIBEXECDIR)/load"
	@for each in "$(LIBEXECDIR)" "$(dir $(LIBEXECDIR))" "/lib/modules/$(KVER)/extra"; do \
		[ ! -d "$(DESTDIR)$$each" ] || \
			rmdir --ignore-fail-on-non-empty "$(DESTDIR)$$each" || exit; \
	done
	@[ -n "$(DESTDIR)" ] || [ ! -d "/lib/modules/$(KVER)" ] || \
		$(sbin) depmod -a "$(KVER)"
	@$(MAKE) --no-print-directory -C userspace uninstall

## clean: remove build/; the kernels stay, in ~/.cache/kchan
clean:
	rm -rf build

## help: this list
help:
	@sed -n 's/^## \([a-z-]*\): /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: all module library run check versions stress kunit kunit-smp model bench
.PHONY: shell lint pictures html install install-system uninstall clean help uapi-programs
.PHONY: stress-programs sanitized sanitized-programs raced races-programs repeat go check-go
.PHONY: clients check-clients
.PHONY: check-versions $(addprefix check-,$(SUITES) $(BESIDE))
.PHONY: $(addprefix check-uapi-,$(VERSIONS))
.PHONY: check-packages arm64 arm64-uapi-programs arm64-library
.PHONY: check-python check-uapi-arm64 check-mapped-arm64-16k check-lib-arm64
