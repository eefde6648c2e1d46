#!/bin/bash
# SPDX-License-Identifier: MIT
# The prompt as it is built where readline is not installed: on a terminal and over a pipe.
# Try: make && tests/repl/plain.t
# shellcheck disable=SC2317 # functions are called by their names
. tests/repl/lib.sh

build() {
	# shellcheck disable=SC2046
	gcc -std=gnu11 -O1 -DMB_NO_READLINE -Ihost/include -Ikernel/core $(pkg-config --cflags luajit) -rdynamic \
		-o "$mb_tmp/moonbar" repl/*.c build/obj/host/cli/*.o build/obj/host/lua/*.o build/obj/cdef.o \
		-Wl,--whole-archive build/libmoonbar.a -Wl,--no-whole-archive $(pkg-config --libs luajit) -ldl -lm
}
ok 'it builds without readline' build
is 'and links without it' "$(ldd "$mb_tmp/moonbar" | grep -c readline)" 0
export MOONBAR_ROOT=$PWD

# make READLINE= builds so: what it would run, had the file changed
for option in READLINE= READLINE=no; do
	make -n V=1 -W repl/edit.c "$option" moonbar > "$mb_tmp/make" 2>&1
	like "make $option compiles without readline" "$(cat "$mb_tmp/make")" 'DMB_NO_READLINE.* -c .*repl/edit.c'
	is "make $option links without it" "$(grep -c lreadline "$mb_tmp/make")" 0
done

is 'over a pipe' "$(echo '6 * 7' | timeout 20 "$mb_tmp/moonbar" run lua/devices/edu.lua 2>&1)" '0x2a (42)'

cat > "$mb_tmp/late.lua" <<'LUA'
device "late" { id = "1234:5678" }
function event.speak(dev) log("the time has come") end
bar(0, 4096) { go = { 0x00, rw, write = function(dev) after(300*ms, "speak") end } }
LUA
term_start 80 "$mb_tmp/moonbar run $mb_tmp/late.lua"
sees 'on a terminal it greets' '^late\. .*quit'
at_prompt
type_line '6 * 7'
sees 'and answers' '^0x2a \(42\)$'
type_line 'for i = 1, 2 do'
ends_with 'an open statement goes on after ..' '..'
type_line 'end'
at_prompt
type_line 'late.go:write(1)'
sees 'a log line comes by itself' '^late: the time has come$'
ends_with 'and the prompt is there again' '>'
type_line 'while true do end'
sleep 0.3
keys C-c
sees 'Ctrl-C stops a line that runs' 'interrupted'
at_prompt
keys C-d
sees 'the end of input leaves with status 0' '^\[status 0\]$'
done_testing
