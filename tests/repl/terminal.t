#!/bin/bash
# SPDX-License-Identifier: MIT
# The prompt on a terminal: typing, editing, history, colours, Ctrl-C and what is printed meanwhile.
# Try: tests/repl/terminal.t
# shellcheck disable=SC2317 # functions are called by their names
. tests/repl/lib.sh

# A device that speaks up while somebody types.
cat > "$mb_tmp/late.lua" <<'LUA'
device "late" { id = "1234:5678" }
function event.speak(dev) log("the time has come") end
bar(0, 4096) {
  go = { 0x00, rw, write = function(dev) after(700*ms, "speak") end },
  hang = { 0x04, rw, write = function(dev) local n = 0; while n >= 0 do n = n + 1 end end },
  spin = { 0x08, rw, read = function(dev) while true do end end },
  later = { 0x0c, rw, write = function(dev) after(700*ms, "hang") end },
  deep = { 0x10, rw, write = function(dev) (("a"):rep(60)):find(("a-"):rep(50) .. "b") end },
}
function event.hang(dev) log("hanging now"); while true do end end
LUA

term_start 100 './moonbar run lua/devices/edu.lua'
sees 'the greeting names the device and the way out' '^edu\. .*quit'
at_prompt
type_line '6 * 7'
sees 'an expression shows its value' '^0x2a \(42\)$'
type_line 'edu.status.irqfact = 1'
type_line 'edu.status'
sees 'a poked field is seen by a peek' 'irqfact +\[7\] +rw +0x1 \(1\)'
type_line 'edu.liveness:write(5)'
type_line 'edu.liveness:read()'
sees 'write and read go over the bus' '^0xfffffffa \(4294967290\)$'
type_line 'edu.factorial:write(5)'
at_prompt
fac() { type_line 'edu.factorial:read()'; sleep 0.1; screen_has '^0x78 \(120\)$'; }
ok 'the device works while the prompt waits for a key' wait_for 5 fac

clear_screen
type_text '6 * 8'
keys BSpace
type_text '9'
keys Home Delete
type_text '7'
keys Enter
sees 'a line can be edited' '^0x3f \(63\)$'
keys Up Up Down Enter
at_prompt
is 'the arrow keys bring back earlier lines' "$(screen | grep -c '^0x3f (63)$')" 2
type_text 'edu.liv'
keys Tab
ends_with 'TAB completes the name of a register' '> edu.liveness'
keys C-c
sees 'Ctrl-C abandons the line' '^> edu.liveness\^C$'
at_prompt

clear_screen
type_line 'for i = 1, 2 do'
ends_with 'an open statement goes on after ..' '..'
type_line 'print("n", i)'
type_line 'end'
sees 'and runs when it is complete' '^n	*  *2$'
type_line 'for i = 1, 2 do'
ends_with 'a second open statement' '..'
keys C-c
at_prompt
pass 'Ctrl-C abandons the whole statement'
clear_screen
type_line 'while true do end'
sleep 0.3
keys C-c
sees 'Ctrl-C stops a loop that would never end' 'error: interrupted'
at_prompt

clear_screen
type_line 'edu.irq_status = 0; driver("edu"):wait_irq(0, 1000*s)'
sleep 0.3
keys C-c
sees 'and one that waits for an interrupt' 'error: interrupted'
at_prompt

type_line 'edu.livness'
sees 'a wrong name is told with the right one' "error: edu has no register 'livness'; did you mean 'liveness'\?"
type_line 'help'
sees 'help lists the commands' 'regs \[DEVICE\] \[PATTERN\]'
clear_screen
type_line 'help irq'
sees 'help explains one' 'Example: irq edu'
like 'errors are red' "$(cat "$mb_tmp/raw")" $'\e\\[31merror:'
type_line 'quit'
sees 'quit leaves with status 0' '^\[status 0\]$'
sees 'and Ctrl-C is a signal again' '^intr = \^C$'
sees 'and the terminal reads lines again' '^icanon$'
like 'the history is kept' "$(cat "$mb_tmp/state/moonbar/history")" 'edu.livness'
is 'for its owner alone' "$(stat -c %a "$mb_tmp/state/moonbar/history")" 600

term_start 60 'NO_COLOR=1 ./moonbar run lua/devices/edu.lua'
at_prompt
keys Up Up
ends_with 'the next session has the history' '> help irq'
keys C-c
at_prompt
type_line 'regs'
sees 'regs fits the terminal' 'liveness .*\.\.\.$'
is 'no line is broken in two' "$(screen | grep -c '^ *0x')" "$(screen | grep -c '^  0x')"
type_line 'nothing'
sees 'an error' '^error: nothing is called'
is 'NO_COLOR: no colours' "$(grep -c $'\e\\[[0-9;]*[1-9]m' "$mb_tmp/raw")" 0
keys C-d
sees 'Ctrl-D leaves with status 0' '^\[status 0\]$'

term_start 80 'TERM=dumb ./moonbar run lua/devices/edu.lua'
at_prompt
type_line 'edu.livness'
sees 'a dumb terminal gets its answers' '^error: edu has no register'
type_line '6 * 7'
sees 'and values' '^0x2a \(42\)$'
type_line 'd = driver "edu"'
type_line 'trace on'
at_prompt
type_line 'd.liveness = 5'
sees 'and the trace' '^edu  write  liveness = 0x00000005$'
at_prompt
type_text 'edu.li'
keys Tab
ends_with 'and TAB' '> edu.liveness'
keys C-c
at_prompt
is 'and no escape sequence' "$(grep -c $'\e' "$mb_tmp/raw")" 0
keys C-d
sees 'and ends' '^\[status 0\]$'

term_start 80 "./moonbar run $mb_tmp/late.lua"
at_prompt
type_line 'late.go:write(1)'
at_prompt
type_text 'half a line'
sees 'a log line comes while a line is typed' '^late: the time has come$'
ends_with 'and the line being typed stays below it' '> half a line'
keys C-u
type_line '1 + 1'
sees 'and can be replaced' '^0x2 \(2\)$'
at_prompt
type_text 'half'
wait_for 10 last_line_is '> half'
pid=$(pgrep -f "^./moonbar run $mb_tmp/late.lua" | head -n 1)
kill -TERM "$pid"
sees 'SIGTERM ends it while a line is typed' '^\[status'
sees 'with the terminal as it was' '^icanon$'

term_start 80 "./moonbar run $mb_tmp/late.lua"
at_prompt
type_line 'late.hang:write(1)'
sleep 0.5
keys C-c
sees 'Ctrl-C stops a hook that never returns, in a compiled loop, and says where' 'late: hang, write hook: .*late.lua:5: interr'
at_prompt
type_line 'late.spin:read()'
sleep 0.5
keys C-c
sees 'and a read hook' 'late: spin, read hook: .*late.lua:6: interr'
at_prompt
type_line 'late.go.value'
sees 'and the device goes on' '^0x0 \(0\)$'
type_line 'late.later:write(1)'
at_prompt
type_text 'half a line'
sees 'an event hangs while a line is typed' '^late: hanging now$'
sleep 0.3
keys C-c
sees 'and Ctrl-C stops it' 'late: event hang: .*late.lua:10: interr'
ends_with 'and keeps the line' '> half a line'
keys C-c
at_prompt
pass 'which the next Ctrl-C abandons'
type_line 'late.deep:write(1)'
sleep 0.5
keys C-c
sleep 0.2
keys C-c
sleep 0.2
keys C-c
sees 'the third Ctrl-C ends Moonbar in what cannot be stopped' '\[status 130\]$'
sees 'with the terminal as it was' '^icanon$'
done_testing
