#!/bin/bash
# SPDX-License-Identifier: MIT
# Looking at a device from a terminal while it works: TAB, the trace above the line being typed, and a file that
# is saved while it runs.
# Try: tests/repl/look.t
# shellcheck disable=SC2317 # functions are called by their names
. tests/repl/lib.sh

dev=$mb_tmp/work/tick.lua
mkdir "$mb_tmp/work"

# tick ANSWER [ROW]: the device's file, written as an editor does: beside it, and moved over it.
tick() {
	cat > "$mb_tmp/work/.new" <<LUA
device "tick" { id = "1234:5678" }
function event.tell(dev) log("%d ticks so far", dev.count.value) after(300*ms, "tell") end
bar(0, 4096) {
  mode = { 0x00, { speed = rw(1, 0, { [0] = "slow", "steady", "fast" }) } },
  count = { 0x04, rw, { n = rw(15, 0) } },
  answer = { 0x08, ro, read = function() return $1 end },
  go = { 0x0c, rw, write = function(dev) after(700*ms, "tell") end },
  $2
}
LUA
	mv "$mb_tmp/work/.new" "$dev"
}
tick 1

term_start 100 "./moonbar run $dev"
at_prompt
type_text 'tick.mo'
keys Tab
ends_with 'TAB completes a register' '> tick.mode'
type_text '.sp'
keys Tab
ends_with 'and its field' '> tick.mode.speed'
type_text ' = "f'
keys Tab
ends_with 'and a value by its name' '> tick.mode.speed = "fast"'
keys Enter
at_prompt
type_line '?tick.mode.speed'
sees '? tells what it is' '^tick.mode.speed: bits 1 to 0 of BAR 0 \+ 0x0, rw$'
type_line 'd = driver "tick"'
at_prompt
type_text 'd:wait_'
keys Tab
ends_with 'TAB completes after d:' '> d:wait_irq('
keys C-c
at_prompt
type_text 'tick.mode.speed = "s'
keys Tab
sleep 0.2
keys Tab
sees 'TAB twice lists what there is' '^slow  *steady'
keys C-c
at_prompt

type_line 'trace on count'
at_prompt
type_line 'd.count = 5'
sees 'the trace shows a write, decoded' '^tick  write  count = 0x00000005  n=5$'
type_line 'd.mode = 0'
at_prompt
is 'and what does not fit the pattern is not shown' "$(screen | grep -c '^tick .* mode = ')" 0
type_line 'trace off'
at_prompt

clear_screen
type_text 'tick.ans'
tick 2
sees 'a file that was saved is read again' '^tick: loaded again$'
ends_with 'above the line being typed' '> tick.ans'
type_text 'wer:read()'
keys Enter
sees 'and its new hook answers' '^0x2 \(2\)$'
type_line 'tick.count.n'
sees 'registers keep their values' '^0x5 \(5\)$'

clear_screen
type_text 'tick.answer:re'
tick 'nonsense('
sees 'a file that does not load says why' 'tick.lua:[0-9]+:'
sees 'and that the old code goes on' 'tick goes on as it is'
ends_with 'also above the line' '> tick.answer:re'
type_text 'ad()'
keys Enter
sees 'which it does' '^0x2 \(2\)$'
type_line 'tick.go:write(1)'
sees 'events happen' '^tick: 5 ticks so far$'

# Another register map: another device in C, under the loop.
clear_screen
type_line 'page = d:dma_alloc(4096); page:set "moon"'
tick 3 'more = { 0x10, rw, 7 },'
sees 'a changed register map is taken over' 'loaded again; the register map is another'
at_prompt
type_line 'tick.more:read()'
sees 'with the new register' '^0x7 \(7\)$'
type_line 'page:string(4)'
sees 'the driver keeps its memory' '^"moon"$'
type_line 'tick.count = 9; tick.go:write(1)'
sees 'and the new device is served' '^tick: 9 ticks so far$'
type_line 'reload off'
at_prompt
tick 4
sleep 0.5
type_line 'tick.answer:read()'
sees 'reload off leaves the device alone' '^0x3 \(3\)$'
type_line 'reload'
sees 'until it is told' '^tick: loaded again'
keys C-d
sees 'and it ends' '^\[status 0\]$'

# Over a pipe.
tick 1
{ echo 'tick.answer:read()'; sleep 0.5; tick 2; sleep 1; echo 'tick.answer:read()'; } |
	timeout 20 ./moonbar run "$dev" > "$mb_tmp/out" 2> "$mb_tmp/err"
is 'a saved file is read again over a pipe' "$(cat "$mb_tmp/out")" $'0x1 (1)\n0x2 (2)'
is 'and told on standard error' "$(cat "$mb_tmp/err")" 'tick: loaded again'
done_testing
