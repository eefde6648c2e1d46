#!/bin/bash
# SPDX-License-Identifier: MIT
# The moonbar command as a user meets it: help, verbs, options, exit statuses, and what a mistake is told.
# Try: tests/cli/command.t
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
export NO_COLOR=1
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT

n=0 bad=0
result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else bad=$((bad + 1)); echo "not ok $n - $2"; fi
}

# says STATUS PATTERN WHAT COMMAND…: the exit status and the output, which must match
says() {
	local want=$1 pattern=$2 what=$3 out status
	shift 3
	out=$(timeout 20 "$@" </dev/null 2>&1)
	status=$?
	if [ $status = "$want" ] && [[ $out =~ $pattern ]]; then
		result 0 "$what"
	else
		result 1 "$what"
		printf '# status %s, wanted %s; output, wanted a match of %s:\n' "$status" "$want" "$pattern"
		printf '%s\n' "$out" | head -20 | sed 's/^/#   /'
	fi
}

says 0 'Usage.*--on BUS.*Exit status' "--help is a manual" ./moonbar --help
says 0 '^moonbar [0-9]+\.[0-9]+\.[0-9]+$' "--version" ./moonbar --version
says 2 'Usage' "no arguments: the manual, and status 2" ./moonbar
says 2 "no verb walk" "an unknown verb is named" ./moonbar walk edu.lua
says 2 "did you mean 'moonbar run lua/devices/edu.lua'" "a file without a verb" ./moonbar lua/devices/edu.lua
says 0 'Usage.*Exit status' "help is --help" ./moonbar help
says 2 "size is given twice" "an option given twice" ./moonbar check lua/devices/nvme.lua size=1G size=2G
says 2 "it is a directory|Is a directory" "a directory in the place of a file" ./moonbar check lua/devices
says 2 "bogus" "an unknown option is named" ./moonbar run --bogus lua/devices/edu.lua
says 2 "device file is missing" "run without a file" ./moonbar run
says 2 "--on takes sim.*not moon" "an unknown bus is named" ./moonbar run --on moon lua/devices/edu.lua
says 2 "belongs to run" "--on with check" ./moonbar check --on sim lua/devices/edu.lua
says 2 "needs the device file before it" "an option without a file" ./moonbar run size=1
says 2 "no-such-file.lua" "a file that is not there" ./moonbar run no-such-file.lua

says 0 'device edu.*no mistakes' "check says what it found" ./moonbar check lua/devices/edu.lua
says 0 '0x0008 +factorial +answered from masks +masks, then posted to Lua' "check -v prints costs" \
	./moonbar check -v lua/devices/edu.lua
says 0 'size' "check lists the options of a file" ./moonbar check lua/devices/nvme.lua

sed 's/id         = { 0x00, ro/id         = { 0x04, roo/' lua/devices/edu.lua >"$dir/broken.lua"
says 2 "broken.lua:[0-9]+: .*roo.*ro" "a mistake: file, line, word and what would be right" \
	./moonbar check "$dir/broken.lua"
says 2 "broken.lua:[0-9]+: " "run starts nothing of a broken file" ./moonbar run "$dir/broken.lua"
says 2 "bogus" "an option that the file does not take" ./moonbar run lua/devices/nvme.lua bogus=1

says 0 'ok 1 - edu: id: reset value.*edu: [0-9]+ passed, 0 failed' "test: what a register map gives for free" \
	./moonbar test lua/devices/edu.lua
printf 'device "x" { id = "1234:0001" }\nbar(0, 16) { a = { 0, rw, write = function() error "no" end } }\n' >"$dir/x.lua"
says 1 'not ok [0-9]+ - x: a: its write hook takes any value' "test: a hook that raises fails it" ./moonbar test "$dir/x.lua"
says 2 "broken.lua:[0-9]+: " "test of a broken file" ./moonbar test "$dir/broken.lua"

says 0 '^16777453$' "-e drives a device" ./moonbar -e 'print(driver("edu").id)' lua/devices/edu.lua
says 2 "command line" "-e with a syntax error" ./moonbar -e 'print('
says 1 '^moonbar: \(command line\):1: boom$' "-e that raises: one line, the command's own" ./moonbar -e 'error("boom")'
says 1 '^moonbar: \(command line\):1: [^'$'\n'']*lua:[0-9]+: attempt' "-e that makes the library raise" \
	./moonbar -e 'require("moonbar.map").find({}, {})'
says 1 '^moonbar: \(command line\):2: load\(nil\): right would be' "-e: a mistake is on the line that made it" \
	./moonbar -e $'\nmb.load(nil)'
says 1 '"?what"? = ' "-e that raises a table" ./moonbar -e 'error { what = 5 }'
says 1 "boom" "-e that raises" ./moonbar -e 'error("boom")'
says 1 'module.*--on sim' "no /dev/pciem: which module, and what else" \
	./moonbar run --on "pciem:$dir/pciem" lua/devices/edu.lua
says 1 "not Moonbar's module" "a node that is something else" ./moonbar run --on pciem:/dev/null lua/devices/edu.lua

# Without a prompt it serves until it is told to stop, and uses no CPU meanwhile.
./moonbar run --no-prompt lua/devices/edu.lua >"$dir/out" 2>&1 </dev/null &
pid=$!
for _ in $(seq 100); do grep -q started "$dir/out" && break; sleep 0.1; done
sleep 0.5
before=$(awk '{ print $14 + $15 }' /proc/$pid/stat)
sleep 2
after=$(awk '{ print $14 + $15 }' /proc/$pid/stat)
[ $((after - before)) -le 1 ]; result $? "an idle host uses no CPU ($((after - before)) ticks in 2 s)"
kill -TERM $pid
for _ in $(seq 50); do kill -0 $pid 2>/dev/null || break; sleep 0.1; done
wait $pid
result $? "SIGTERM ends it in good order"

# What never returns still ends when it is asked to, once.
echo 'while true do end' >"$dir/endless.lua"
printf 'device "e" { id = "1234:0001" }\nfunction on.start() log "in the hook"; while true do end end\nbar(0, 4096) { a = { 0, rw } }\n' >"$dir/hook.lua"
says 124 '' "SIGTERM ends a check of a file that never ends" timeout 1 ./moonbar check "$dir/endless.lua"
says 124 '' "SIGINT ends -e" timeout -s INT 1 ./moonbar -e 'while true do end'
./moonbar run --no-prompt "$dir/hook.lua" >"$dir/out" 2>&1 </dev/null &
pid=$!
for _ in $(seq 200); do grep -q 'in the hook' "$dir/out" && break; sleep 0.1; done
kill -TERM $pid
wait $pid
[ $? = 143 ] && grep -q 'does not return' "$dir/out"
result $? "SIGTERM ends run in a hook that never returns"

says 0 'edu.*2\. .*5\. ' "the tour plays without a terminal" ./moonbar run --tour lua/devices/edu.lua

echo "1..$n"
[ $bad = 0 ]
