#!/bin/bash
# SPDX-License-Identifier: MIT
# What a newcomer sees: the tour without a terminal, the greeting with one. And that the tour can fail.
# Try: tests/repl/demo.t
. tests/repl/lib.sh

out=$(timeout 60 ./moonbar run --tour lua/devices/edu.lua < /dev/null 2>&1)
is 'the tour ends with status 0' $? 0
like 'it shows the registers' "$out" '0x04 +liveness'
like 'a write and a read' "$out" '> edu.liveness:read\(\)
0xffffedcb'
like '5!' "$out" '> edu.factorial:read\(\)
0x78 \(120\)'
like 'DMA there and back' "$out" 'moonlight through a BAR'
like 'a mistake and its message' "$out" "error: edu has no register 'livness'; did you mean 'liveness'\?"
like 'and counts' "$out" '[1-9][0-9]* lines typed, 0 wrong'

sed 's/bnot(v)/v/' lua/devices/edu.lua > "$mb_tmp/edu.lua"
out=$(timeout 60 ./moonbar run --tour "$mb_tmp/edu.lua" < /dev/null 2>&1)
is 'a device that answers wrongly fails the tour' $? 1
like 'which says what was expected' "$out" 'WRONG: expected 0xffffedcb'

term_start 100 './moonbar run --demo lua/devices/edu.lua'
sees 'the greeting says what to type' 'regs +its registers'
sees 'how to write as a driver' 'edu.liveness:write\(5\)'
sees 'how to set a bit as the hardware' 'edu.status.irqfact = 1'
at_prompt
type_line 'regs'
sees 'and that works' '0x04 +liveness'
keys C-d
sees 'and ends' '^\[status 0\]$'
done_testing
