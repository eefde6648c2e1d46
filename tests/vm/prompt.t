#!/bin/bash
# SPDX-License-Identifier: MIT
# The prompt on a terminal while a kernel driver is served: Ctrl-C stops a hook that never returns, after the
# driver has had its completion timeout; the trace, configuration space, memory, and a reload.
# Try: tests/vm/run prompt
# kernels: 6.12
# timeout: 120
. tests/vm/lib.sh

[ -c /dev/pciem ] || skip_all 'there is no /dev/pciem'

# access OFFSET [DATA]: one 32-bit access as a driver; the value read
access() {
	local args=(rounds=1 count=1 bar=0 "offset=$1" "dev=$(pci_of 1234:400c)")
	[ $# -lt 2 ] || args+=(write=1 "data=$2")
	insmod "$MB_MODULES/regbench.ko" "${args[@]}" 2>/dev/null
	dmesg | sed -n 's/.*REGBENCH.* value \(0x[0-9a-f]*\|0\)$/\1/p' | tail -n 1
}
shows() { ok "$1" wait_for 20 grep -Eq -- "$2" /run/terminal.log; }

cp tests/vm/hooks.lua /run/hooks.lua
mkfifo /run/keys
script -qfc 'TERM=dumb ./moonbar run --on pciem /run/hooks.lua' /dev/null </run/keys >/run/terminal.log 2>&1 &
terminal=$!
exec 9>/run/keys
shows 'it starts with a prompt' '^hooks\. '
is 'the driver is answered' "$(access 0x0)" 0x1
is 'a hook that never returns: the driver reads ones' "$(access 0x10)" 0xffffffff
is 'and what waits behind it reads ones, too' "$(access 0x0)" 0xffffffff
printf '\003' >&9
shows 'Ctrl-C stops the hook and says where it was' 'hooks: endless, read hook: .*hooks.lua:[0-9]+: interrupted'
answered() { [ "$(access 0xc 4)" = 0x8 ]; }
ok 'and the device answers again' wait_for 10 answered

printf 'trace on\n' >&9
shows 'trace says what it does not see' 'hooks: what the kernel answers from masks is not seen here'
access 0xc 21 >/dev/null
shows 'and shows a write' 'hooks  write  doubled = 0x00000015'
access 0x0 >/dev/null
shows 'and a read' 'hooks  read   counted = 0x'
printf 'config\n' >&9
at=$(awk 'NR == 1 { print $1 }' "/sys/bus/pci/devices/$(pci_of 1234:400c)/resource" | sed 's/^0x0*//')
shows 'config shows the identification' 'hooks  1234:400c'
shows 'and the BAR where Linux has put it' "BAR 0: memory at 0x0*$at, 32-bit"
printf 'md hooks bar0+0x4 4\n' >&9
shows 'md shows what the kernel holds' '^00000004  34 12 00 00'
printf 'dma\n' >&9
shows 'dma says what this bus does not tell' 'mappings: not told by pciem'

printf 'trace off\n' >&9
sed 's/2 \* v/3 * v/' tests/vm/hooks.lua >/run/hooks.new
mv /run/hooks.new /run/hooks.lua
shows 'a file that is saved is read again' 'hooks: loaded again'
is 'and its new hook answers' "$(access 0xc 5)" 0xf
sed 's/plain   =/plane   =/; s/0x1234,/0x4321,/' tests/vm/hooks.lua >/run/hooks.new
mv /run/hooks.new /run/hooks.lua
shows 'another register map is refused' 'register map has changed and a driver may be using it'
is 'and the old code goes on' "$(access 0xc 6)" 0x12
printf 'quit\n' >&9
ok 'quit ends it' wait_for 20 bash -c "! kill -0 $terminal"
is 'and its device leaves the bus' "$(pci_of 1234:400c)" ''
exec 9>&-
done_testing
