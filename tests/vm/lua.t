#!/bin/bash
# SPDX-License-Identifier: MIT
# Devices in Lua and a kernel driver's accesses: values computed at read time, hooks that raise and that never
# return, the prompt while a driver is served, and what lspci makes of every device there is.
# Try: tests/vm/run lua
# kernels: all
# timeout: 180
. tests/vm/lib.sh

need test -c /dev/pciem

# access ID OFFSET [DATA]: one 32-bit access as a driver; the value read (after a write: read back)
access() {
	local args=(rounds=1 count=1 bar=0 "offset=$2" "dev=$(pci_of "$1")")
	[ $# -lt 3 ] || args+=(write=1 "data=$3")
	insmod "$MB_MODULES/regbench.ko" "${args[@]}" 2>/dev/null
	dmesg | sed -n 's/.*REGBENCH.* value \(0x[0-9a-f]*\|0\)$/\1/p' | tail -n 1
}
# begin DESCRIPTION FILE: not by ok(), whose subshell would forget the device
begin() { if start_device "$2"; then pass "$1"; else fail "$1"; fi; }
took() { dmesg | sed -n 's/.*REGBENCH.*: \([0-9]*\)\.[0-9]* ns, median.*/\1/p' | tail -n 1; }

# ---- edu -----------------------------------------------------------------------------------------------

begin 'edu starts' lua/devices/edu.lua
is 'its identification' "$(access 1234:11e8 0x0)" 0x10000ed
is 'liveness: the complement of what was written' "$(access 1234:11e8 0x4 0x1234)" 0xffffedcb
access 1234:11e8 0x8 5 >/dev/null
is '5! is 120' "$(access 1234:11e8 0x8)" 0x78
stop_device
is 'it stops in good order' $? 0

# ---- hooks ------------------------------------------------------------------------------------------------

begin 'a device with all kinds of hooks starts' tests/vm/hooks.lua
is 'a value computed at the first read' "$(access 1234:400c 0x0)" 0x1
is 'and at the second' "$(access 1234:400c 0x0)" 0x2
is 'a hook returns what is stored' "$(access 1234:400c 0xc 21)" 0x2a
is 'a read hook that raises: the stored value' "$(access 1234:400c 0x8)" 0x55
is 'a write hook that raises: the write is kept' "$(access 1234:400c 0x8 0x66)" 0x66
like 'the error is shown with file, line and register' "$(cat "$mb_device_log")" \
	'raises[^:]*: .*hooks\.lua:[0-9]+: no answer today'
is 'once' "$(grep -c 'no answer today' "$mb_device_log")" 1
is 'the session lives' "$(access 1234:400c 0x0)" 0x3
is 'a hook that never returns: the driver reads ones' "$(access 1234:400c 0x10)" 0xffffffff
ns=$(took)
ok "in time: $((ns / 1000000)) ms of 50" test "$ns" -gt 40000000 -a "$ns" -lt 200000000
is 'and what waits behind it reads ones, too' "$(access 1234:400c 0x0)" 0xffffffff
is 'the machine lives; so does what the kernel answers, unless a write waits' "$(access 1234:400c 0x4)" 0xffffffff
stop_device TERM
status=$?
ok "one SIGTERM ends the host (status $status)" test "$status" = 143
wait_for 10 bash -c "[ -z \"\$(lspci -D -n -d 1234:400c)\" ]"
is 'and its device leaves the bus' "$(pci_of 1234:400c)" ''

# ---- the prompt, while a driver is served -----------------------------------------------------------------------

mkfifo /run/typed
./moonbar run --on pciem lua/devices/edu.lua </run/typed >/run/prompt.log 2>&1 &
prompt=$!
exec 9>/run/typed
ok 'edu starts with a prompt' wait_for 30 bash -c "[ -n \"\$(lspci -D -n -d 1234:11e8)\" ]"
echo 'edu.liveness = 0xcafe' >&9
echo 'print("poked")' >&9
ok 'a poke at the prompt' wait_for 10 grep -q poked /run/prompt.log
is 'is what the driver reads' "$(access 1234:11e8 0x4)" 0xcafe
access 1234:11e8 0x4 0xf0f0 >/dev/null
echo 'edu.liveness' >&9
ok 'and a peek shows what the driver wrote' wait_for 10 grep -qi '0xffff0f0f' /run/prompt.log
echo 'edu.nothing' >&9
ok 'a wrong name is told' wait_for 10 grep -q "no register 'nothing'" /run/prompt.log
exec 9>&-
ok 'the end of input ends it' wait_for 10 bash -c "! kill -0 $prompt"

# ---- every device, as lspci sees it ---------------------------------------------------------------------------------

for file in lua/devices/*.lua; do
	name=$(basename "$file" .lua)
	start_device "$file" || { fail "$name starts"; continue; }
	at=$(lspci -D | sed -n 's/^\(1[89a-f][0-9a-f]\{3\}:[^ ]*\) .*/\1/p')
	out=$(lspci -vv -s "$at" 2>&1)
	if [ -n "$at" ] && [[ ! $out =~ (unknown|Unknown header|access denied|!!!|broken|Chain broken) ]]; then
		pass "lspci -vv decodes $name cleanly"
	else
		fail "lspci -vv decodes $name cleanly" "$out"
	fi
	stop_device
done

done_testing
