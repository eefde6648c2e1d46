# SPDX-License-Identifier: MIT
# Moonbar: `make demo` to see it, `make test` to trust it. README.md has the rest.

PREFIX	?= /usr/local
CC	= gcc
CFLAGS	?= -O2 -g
SHARE	= $(PREFIX)/share/moonbar

INC	= -Ihost/include -Ihost -Ikernel/core $(LUA_CFLAGS)
COMPILE	= $(CC) -std=gnu11 $(CFLAGS) -Wall -Wextra -fPIC -fvisibility=hidden -MMD -MP \
	  -DMB_SHARE_DIR='"$(SHARE)"' $(INC)
SAN	= -fsanitize=address,undefined -fno-sanitize-recover=undefined -O1 -g
TSAN	= -fsanitize=thread -Wno-tsan -O1 -g

# V=1 shows whole commands.
ifeq ($(V),)
say	= @printf '  %-4s %s\n' $(1) $@;
endif

CORE	:= $(wildcard kernel/core/*.c)
HOST	:= $(wildcard host/*.c host/transport/*.c)
BIND	:= $(wildcard host/lua/*.c)
CLI	:= $(wildcard host/cli/*.c repl/*.c)
TESTS	:= $(patsubst tests/core/%.c,build/%,$(wildcard tests/core/test_*.c))

lib_obj	:= $(patsubst %.c,build/obj/%.o,$(CORE) $(HOST))
lua_obj	:= $(patsubst %.c,build/obj/%.o,$(BIND)) build/obj/cdef.o
cli_obj	:= $(patsubst %.c,build/obj/%.o,$(CLI))
san_obj	:= $(patsubst %.c,build/san/%.o,$(CORE) $(HOST))
tsan_obj := $(patsubst %.c,build/tsan/%.o,$(CORE) $(HOST))

.PHONY: FORCE all demo test test-quick test-units lint module bench clean
.DELETE_ON_ERROR:
.SECONDARY:

all: moonbar build/libmoonbar.a build/moonbar/core.so

# The packages first; the include makes make start again once they are there.
ifeq ($(filter clean,$(MAKECMDGOALS)),)
include build/deps.mk
endif

build/deps.mk: tools/deps
	@mkdir -p build
	@tools/deps
	@{ echo "LUA_CFLAGS = $$(pkg-config --cflags luajit)"; \
	   echo "LUA_LIBS = $$(pkg-config --libs luajit)"; \
	   echo 'int main(void) { return 0; }' | $(CC) -xc - -lreadline -o /dev/null 2>/dev/null && \
	   echo "REPL_LIBS = -lreadline" || echo "REPL_FLAGS = -DMB_NO_READLINE"; } > $@

# make READLINE=no (or READLINE=): a prompt without editing and history, as where readline is not installed.
READLINE ?= yes
ifneq ($(READLINE),yes)
REPL_LIBS =
REPL_FLAGS = -DMB_NO_READLINE
endif

# Its objects are compiled again when that changes.
build/readline: FORCE
	@mkdir -p build
	@echo '$(REPL_FLAGS) $(REPL_LIBS)' | cmp -s - $@ || echo '$(REPL_FLAGS) $(REPL_LIBS)' > $@
FORCE:
build/obj/repl/edit.o: build/readline

# ---- the command and the library -------------------------------------------------------------

moonbar: $(cli_obj) $(lua_obj) $(lib_obj)
	$(call say,LINK)$(CC) -rdynamic -o $@ $^ $(LUA_LIBS) $(REPL_LIBS) -ldl -lm

build/libmoonbar.a: $(lib_obj)
	@rm -f $@
	$(call say,AR)ar rcs $@ $^

# The same for a plain luajit: require "moonbar.core"
build/moonbar/core.so: $(lua_obj) $(lib_obj)
	@mkdir -p $(@D)
	$(call say,LINK)$(CC) -shared -o $@ $^ -ldl

build/obj/%.o: %.c build/deps.mk
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) $(REPL_FLAGS) -c -o $@ $<

build/san/%.o: %.c build/deps.mk
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) $(SAN) -c -o $@ $<

build/tsan/%.o: %.c build/deps.mk
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) $(TSAN) -c -o $@ $<

# What LuaJIT's ffi.cdef is told: the library's own headers, preprocessed.
build/obj/cdef.c: host/include/moonbar.h kernel/core/regs.h kernel/core/types.h
	@mkdir -p $(@D)
	$(call say,GEN){ echo 'const char mb_cdef[] ='; $(CC) -E -P -DMB_CDEF $(INC) -xc $< | \
	  sed -e 's/\\/\\\\/g; s/"/\\"/g; s/.*/"&\\n"/'; echo ';'; } > $@

build/obj/cdef.o: build/obj/cdef.c
	$(call say,CC)$(COMPILE) -c -o $@ $<

# ---- tests --------------------------------------------------------------------------------------

build/test_%: tests/core/test_%.c $(san_obj)
	$(call say,LINK)$(COMPILE) $(SAN) -MF $@.d -o $@ $< $(san_obj) -lcmocka

# Tests with threads, a second time.
build/tsan_%: tests/core/test_%.c $(tsan_obj)
	$(call say,LINK)$(COMPILE) $(TSAN) -MF $@.d -o $@ $< $(tsan_obj) -lcmocka

test-units: $(TESTS) build/tsan_standby

test: all module test-units
	@tests/run all

test-quick: all test-units
	@tests/run quick

lint: build/deps.mk
	@tools/lint

build/bench_sim: tests/bench/sim.c $(lua_obj) $(lib_obj)
	$(call say,LINK)$(COMPILE) -rdynamic -MF $@.d -o $@ $< $(lua_obj) $(lib_obj) $(LUA_LIBS) -ldl -lm

# ---- the rest -------------------------------------------------------------------------------------

module: build/deps.mk
	@tools/module

demo: all
	@if [ -t 0 ]; then ./moonbar run --demo lua/devices/edu.lua; \
	else ./moonbar run --tour lua/devices/edu.lua; fi

bench: all module build/bench_sim
	@tests/bench/run

clean:
	rm -rf build moonbar

-include $(wildcard build/*.d) $(shell find build/obj build/san build/tsan -name '*.d' 2>/dev/null)
