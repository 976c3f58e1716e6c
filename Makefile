# SPDX-License-Identifier: Apache-2.0
# Targets: deps all run test unit e2e lint fuzz tsan crs matrix compose packages clone bench bench-quick bench-waf scale soak install deb clean

V      ?= release
B      := build/$(V)
PREFIX ?= /usr/local
DESTDIR ?=

CFLAGS_release := -O2 -g
CFLAGS_asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
CFLAGS_tsan    := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
CFLAGS_fuzz    := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
CFLAGS_cov     := -O0 -g --coverage
ifeq ($(V),fuzz)
CC := clang
endif

WARN := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wstrict-prototypes \
	-Wmissing-prototypes -Wformat=2 -Wundef -Wvla -Wimplicit-fallthrough -Wnull-dereference \
	-Wwrite-strings -Wpointer-arith -Wold-style-definition
# Its instrumentation makes gcc see null pointers where none can be.
WARN_tsan := -Wno-null-dereference
WERROR ?= -Werror
HARDEN := -fstack-protector-strong -fPIE -fvisibility=hidden -fno-common
ifeq ($(V),release)
HARDEN += -D_FORTIFY_SOURCE=2
endif

PKG_CFLAGS := $(shell pkg-config --cflags-only-I jansson libjwt libcrypto libcurl libpcre2-8 libhs libxml-2.0 libzstd 2>/dev/null | sed 's/-I/-isystem /g')
PKG_LIBS := -Wl,--as-needed -lev -ljansson -ljwt -lssl -lcrypto -lcurl -lpcre2-8 -lhs -lxml2 -lzstd -lm -lpthread -ldl

VERSION := $(shell sed -n 's/^\#define SALLYPORT_VERSION "\(.*\)"/\1/p' common/version.h)
ALL_CFLAGS  = -std=c11 -D_GNU_SOURCE -I. $(PKG_CFLAGS) $(CFLAGS_$(V)) $(WARN) $(WARN_$(V)) $(WERROR) $(HARDEN) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro -Wl,-z,now $(filter -fsanitize% --coverage,$(CFLAGS_$(V))) $(LDFLAGS)

# A program is a main file; everything else below the source folders is one library.
PROGRAMS := sallyport-spoa sallyport-waf sallyport-jwt sallyport-registry sallyport-audit
MAIN_sallyport-spoa     := spoa/main.c
MAIN_sallyport-waf      := spoa/tools/waf_main.c
MAIN_sallyport-jwt      := spoa/tools/jwt_main.c
MAIN_sallyport-registry := registry/main.c
MAIN_sallyport-audit    := audit/main.c
MAINS := $(foreach p,$(PROGRAMS),$(MAIN_$(p)))
BUILT := $(foreach p,$(PROGRAMS),$(if $(wildcard $(MAIN_$(p))),$(B)/$(p)))

SOURCES := $(filter-out $(MAINS),$(shell find common spoa aws registry audit 2>/dev/null -name '*.c' | sort))
SUPPORT := $(sort $(wildcard tests/support/*.c))
UNITS   := $(shell find tests/unit 2>/dev/null -name 'test_*.c' | sort)
FUZZERS := $(sort $(wildcard tests/fuzz/fuzz_*.c))
HELPERS := $(sort $(wildcard tests/tools/*.c tests/bench/*.c))

OBJ = $(patsubst %.c,$(B)/%.o,$(1))

all: $(BUILT)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The registry carries these files with it (registry/embedded.c).
$(B)/registry/embedded.o: $(wildcard haproxy/*.cfg haproxy/*.conf haproxy/*.http)

$(B)/libsallyport.a: $(call OBJ,$(SOURCES))
	@rm -f $@
	$(Q)ar rcs $@ $^

define PROGRAM_RULE
$(B)/$(1): $(B)/$(MAIN_$(1):.c=.o) $(B)/libsallyport.a
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(PKG_LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call PROGRAM_RULE,$(p))))

# Unit tests: one binary per file, allocation wrapped so that tests can make the n-th one fail.
WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=strdup,--wrap=strndup
$(B)/tests/unit/%: $(B)/tests/unit/%.o $(call OBJ,$(SUPPORT)) $(B)/libsallyport.a
	$(Q)$(CC) $(ALL_LDFLAGS) $(WRAP) -o $@ $^ $(PKG_LIBS) -lcmocka
UNIT_BINARIES := $(patsubst %.c,$(B)/%,$(UNITS))

# Fuzz harnesses: with V=fuzz libFuzzer drives them, else a small main() replays files and folders.
ifeq ($(V),fuzz)
FUZZ_LINK := -fsanitize=fuzzer
else
FUZZ_MAIN := $(B)/tests/fuzz/replay_main.o
endif
$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(B)/libsallyport.a
	$(Q)$(CC) $(ALL_LDFLAGS) $(FUZZ_LINK) -o $@ $^ $(PKG_LIBS) $(LIBS_$(*F))
FUZZ_BINARIES := $(patsubst %.c,$(B)/%,$(FUZZERS))

# LIBS_<name> adds libraries to one helper.
LIBS_aws_moto := -lcmocka
$(B)/tests/tools/spop_load: $(B)/tests/support/spop_peer.o
LIBS_spop_load := $(B)/libsallyport.a
LIBS_bench_waf := -lmodsecurity
LIBS_modsec_batch := -lmodsecurity
# Stand-alone helpers of the end-to-end tests and benchmarks: peers, load generators, counters.
$(B)/tests/tools/%: $(B)/tests/tools/%.o $(B)/libsallyport.a
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LIBS_$(*F))
$(B)/tests/bench/%: $(B)/tests/bench/%.o $(B)/libsallyport.a
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LIBS_$(*F))
HELPER_BINARIES := $(patsubst %.c,$(B)/%,$(HELPERS))

unit-binaries: $(UNIT_BINARIES)
fuzz-binaries: $(FUZZ_BINARIES)
test-tools: $(HELPER_BINARIES)

deps:
	@./tests/lint/deps.sh

run: deps
	@$(MAKE) --no-print-directory all test-tools
	@./haproxy/dev/run.sh

# tests/run.sh builds what it needs, shows progress, writes TAP below build/results and a summary.
test: deps
	@./tests/run.sh lint unit fuzz-replay waf e2e
unit: deps
	@./tests/run.sh unit
e2e: deps
	@./tests/run.sh e2e
lint: deps
	@./tests/run.sh lint
fuzz: deps
	@./tests/run.sh fuzz
tsan: deps
	@./tests/run.sh tsan
crs: deps
	@./tests/run.sh crs waf-differential
matrix: deps
	@./tests/run.sh matrix
compose: deps
	@./tests/run.sh compose
packages: deps
	@./tests/run.sh packages
clone: deps
	@./tests/run.sh clone
bench: deps
	@./tests/bench/waf.sh
	@./tests/bench/run.sh
bench-waf: deps
	@./tests/bench/waf.sh
bench-quick: deps
	@./tests/bench/run.sh --quick
scale: deps
	@./tests/bench/scale.sh
soak: deps
	@./tests/bench/soak.sh

# Programs, man pages, shell completions and rules, below DESTDIR.
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/sallyport/waf \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 0755 $(BUILT) $(DESTDIR)$(PREFIX)/bin
	set -e; for p in $(notdir $(BUILT)); do \
		$(B)/$$p --man >$(DESTDIR)$(PREFIX)/share/man/man1/$$p.1; \
		$(B)/$$p --completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$p; \
		$(B)/$$p --completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_$$p; \
		$(B)/$$p --completion fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$p.fish; \
	done
	if [ -d haproxy/waf ]; then cp -r haproxy/waf/. $(DESTDIR)$(PREFIX)/share/sallyport/waf; fi

# Debian packages for the release this runs on, from a copy of the sources.
deb:
	rm -rf build/deb
	mkdir -p build/deb/sallyport
	tar -c --exclude=./build --exclude=./.git . | tar -x -C build/deb/sallyport
	cd build/deb/sallyport && dpkg-buildpackage -b -us -uc
	@ls build/deb/*.deb

clean:
	rm -rf build

help:
	@sed -n 's/^# Targets: //p' Makefile

.PHONY: all deps run test unit e2e lint fuzz tsan crs matrix compose packages clone bench bench-quick bench-waf scale soak install deb clean help \
	unit-binaries fuzz-binaries test-tools
.SECONDARY:
Q ?= @
-include $(shell find $(B) -name '*.d' 2>/dev/null)
