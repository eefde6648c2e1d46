#!/bin/bash
# SPDX-License-Identifier: MIT
# The prompt without a terminal: scripts over a pipe or from a file, what goes where, and exit statuses.
# Try: tests/repl/pipe.t
. tests/repl/lib.sh

# run INPUT: $out, $err and $status of a prompt on edu that reads INPUT.
run() {
	out=$(printf '%s' "$1" | timeout 20 ./moonbar run lua/devices/edu.lua 2>"$mb_tmp/err")
	status=$?
	err=$(cat "$mb_tmp/err")
}

run $'6 * 7\nedu.liveness:write(1)\nedu.liveness:read()\n'
is 'values only, no prompt and no echo' "$out" $'0x2a (42)\n0xfffffffe (4294967294)'
is 'nothing on standard error' "$err" ''
is 'status 0' "$status" 0

run $'1\nedu.livness\n2\n'
is 'an error does not stop the script' "$out" $'0x1 (1)\n0x2 (2)'
is 'the error has its line' "$err" "stdin:2: edu has no register 'livness'; did you mean 'liveness'?"
is 'and the status is 1' "$status" 1

run $'for i = 1, 2 do\n  print(i)\nend\n7'
is 'statements over several lines; a last line without newline' "$out" $'1\n2\n0x7 (7)'
is 'status 0 for them' "$status" 0

run $'for i = 1, 2 do\n'
like 'input that ends too early' "$err" 'stdin:1: input ends in the middle of: for i = 1, 2 do'
is 'is an error' "$status" 1

run $'quit\n6 * 7\n'
is 'nothing is read after quit' "$out" ''
is 'status 0 after quit' "$status" 0

run $'boom\nquit\n'
is 'quit keeps the status of an earlier error' "$status" 1

run $'error("a\\nb")\r\n\r\n6 * 7\r\n'
is 'lines may end in CR LF' "$out" '0x2a (42)'

run $'1 +* 2\nedu = 5\nedu.status.irqfact = 2\nedu.status.computing\n'
like 'a line that is no Lua' "$err" "stdin:1: unexpected symbol near"
like 'a device is no variable' "$err" 'stdin:2: edu is the device'
like 'a value that does not fit' "$err" 'stdin:3: 0x2 \(2\) does not fit edu.status.irqfact: 1 bit, 0 to 0x1'
is 'and changes nothing' "$out" '0x0 (0)'

run "$(printf 'x = "%01000000d"\n#x\n' 0)"
is 'a line of a million bytes' "$out" '0xf4240 (1000000)'

printf 'edu.liveness = 7\nedu.liveness.value\n' > "$mb_tmp/script"
is 'from a file' "$(timeout 20 ./moonbar run lua/devices/edu.lua < "$mb_tmp/script")" '0x7 (7)'

# Between two lines the device is served: the event of a write happens without anybody waiting for it.
{ echo 'edu.factorial:write(5)'; sleep 0.5; echo 'edu.factorial:read()'; } |
	timeout 20 ./moonbar run lua/devices/edu.lua > "$mb_tmp/out" 2>&1
is 'the device works while the pipe is empty' "$(cat "$mb_tmp/out")" '0x78 (120)'

# Half a line is no reason to stop serving.
{ printf 'edu.factorial:write(5)\nedu.facto'; sleep 0.5; printf 'rial:read()\n'; } |
	timeout 20 ./moonbar run lua/devices/edu.lua > "$mb_tmp/out" 2>&1
is 'and while half a line has come' "$(cat "$mb_tmp/out")" '0x78 (120)'

cat > "$mb_tmp/bad.lua" <<'LUA'
device "bad" { id = "1234:5678" }
bar(0, 4096) { a = { 0x00, rw, write = function() error("no such luck") end } }
LUA
echo 'bad.a:write(1)' | timeout 20 ./moonbar run "$mb_tmp/bad.lua" > "$mb_tmp/out" 2>&1
is 'a hook that raises makes the status 1' $? 1
like 'and is told' "$(cat "$mb_tmp/out")" 'bad: a, write hook: .*bad.lua:2: no such luck'

# Ctrl-C: compiled loops, with and without a test in them, and code that catches errors.
for line in 'while true do end' 'n = 0; while true do n = n + 1 end' 'for i = 1, math.huge do edu.liveness = 1 end' \
	'while true do pcall(function() while true do end end) end' 'repeat until pcall(pcall, error) == nil'; do
	printf '%s\n1\n' "$line" | timeout -s INT -k 8 1 ./moonbar run lua/devices/edu.lua > "$mb_tmp/out" 2>&1
	is "SIGINT stops: $line" "$(cat "$mb_tmp/out")" 'stdin:1: interrupted'
done

run 'regs'
like 'regs without a terminal is not cut' "$out" 'Reads back the complement of the last write'
is 'and has no escape sequence' "$(grep -c $'\e' <<< "$out")" 0
done_testing
