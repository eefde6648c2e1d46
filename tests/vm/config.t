#!/bin/bash
# SPDX-License-Identifier: MIT
# Registers in configuration space: what setpci and a driver (configtest.c) write goes through the row in Lua, and
# the read right after sees what came of it; on.power and on.config_write hear what they are for.
# Try: tests/vm/run config
# kernels: all
# timeout: 180
. tests/vm/lib.sh

need test -c /dev/pciem

get() { setpci -s "$at" "$1"; }
# put REGISTER VALUE: written, and what it reads then
put() { setpci -s "$at" "$1=$2" && setpci -s "$at" "$1"; }
# begin FILE: not by ok(), whose subshell would forget the device
begin() {
	if start_device "$1"; then pass "${1##*/} starts"; else fail "${1##*/} starts"; fi
	at=$(pci_of "$2")
}
driver_said() { dmesg | sed -n "s/.*CONFIGTEST $1: //p" | tail -n 1; }

# ---- access words, by setpci ---------------------------------------------------------------------------------

begin tests/vm/config.lua 1234:c0f6
is 'rw: its reset value' "$(get a0.w)" 1234
is 'rw: what was written' "$(put a0.w abcd)" abcd
is 'rw: one byte of it' "$(put a1.b 11)" 11
is 'rw: and the other stays' "$(get a0.w)" 11cd
is 'a hook runs before the write is over' "$(put a2.w 21)" 0042
is 'both at once' "$(put a0.l 00015678)" 00025678
is 'fields: reset values, wo reads zero' "$(get a4.l)" 0f0005f5
is 'rw takes, w1c clears, ro stays, w1s sets, wo hides, w1t toggles, w0c clears' "$(put a4.l 5a333f5a)" 0a3035aa
is 'w1t again' "$(put a4.l 0f100000)" 0a2035a0
is 'once: the first write' "$(put a8.l 5)" 00000005
is 'once: not the second' "$(put a8.l 6)" 00000005
is 'not locked' "$(put ac.l 8)" 00000008
is 'the lock' "$(put b0.b 1)" 01
is 'locked' "$(put ac.l 9)" 00000008
like 'and the host says so' "$(cat "$mb_device_log")" 'guest error: write of 0x9 to locked while locks.on is not 0'
is 'unlocked' "$(setpci -s "$at" b0.b=0 && put ac.l 9)" 00000009
setpci -s "$at" b1.b=5a
is 'a doorbell' "$(get b2.b)" 5a
is 'ro' "$(put b2.b 0)" 5a
setpci -s "$at" b4.l=f
is 'an alias that clears another' "$(get b8.l)" 000000f0
is 'and shows it' "$(get b4.l)" 000000f0
is 'a byte of a vendor-specific capability' "$(put 4c.b 66)" 66
setpci -s "$at" bc.b=77
is 'set by the hook of another register' "$(get 4c.b)" 77
is 'in extended configuration space' "$(put 200.l cafef00d)" cafef00d
ln -s "/sys/bus/pci/devices/$at/config" /run/own-config
is 'a hook may look at its own configuration space in sysfs: nobody waits for himself' "$(put c8.l 1)" 00005678
is 'a header register is none of these' "$(put 3c.b 7)" 07

# ---- a driver ------------------------------------------------------------------------------------------------

ok 'the driver loads' insmod "$MB_MODULES/configtest.ko"
for what in 'write, read' 'write, read with interrupts off' 'posted write, read' 'posted write, write'; do
	is "the driver: $what" "$(driver_said "$what")" '200 of 200'
done
is 'D3hot and D0 were told to on.power' "$(driver_said powers)" 0x41
ok 'the driver is unloaded' rmmod configtest

# ---- Function Level Reset --------------------------------------------------------------------------------------

is 'Linux would reset it by itself' "$(cat "/sys/bus/pci/devices/$at/reset_method")" flr
command=$(get 04.w) place=$(get 10.l)
setpci -s "$at" a0.w=9999 a8.l=9 3c.b=55
ok 'and does' bash -c "echo 1 >/sys/bus/pci/devices/$at/reset"
like 'on.reset hears of it, with registers at their reset values' "$(cat "$mb_device_log")" 'config: reset flr: base 0'
is 'once' "$(grep -c 'reset flr' "$mb_device_log")" 1
is 'configuration registers are at theirs' "$(get a0.w)" 1234
is 'a once register takes a write again' "$(put a8.l b)" 0000000b
is 'what Linux restores is as it was' "$(get 04.w) $(get 10.l)" "$command $place"
setpci -s "$at" 04.w=6
setpci -s "$at" CAP_EXP+8.w=a810
is 'the same by hand: COMMAND and BAR are zero' "$(get 04.w) $(get 10.l)" '0000 00000000'
is 'Initiate FLR reads as zero' "$(get CAP_EXP+8.w)" 2810
like 'on.bus_master hears of it' "$(tail -n 2 "$mb_device_log")" 'bus master false.*reset flr'
setpci -s "$at" 04.w="$command" 10.l="$place"

# ---- one processor: whoever holds it cannot wait for the host ---------------------------------------------------

if echo 0 >/sys/devices/system/cpu/cpu1/online; then
	setpci -s "$at" a2.w=123
	has_doubled() { [ "$(get a2.w)" = 0246 ]; }
	ok 'with one processor a write is not lost' wait_for 10 has_doubled
	echo 1 >/sys/devices/system/cpu/cpu1/online
else
	fail 'a processor can be taken away'
fi

# ---- a hook that never returns ------------------------------------------------------------------------------------

is 'a hook that never returns: the write ends' "$(put be.w 1)" ffff
like 'the kernel says so' "$(dmesg)" 'configuration space \+ 0xbe: a write of 2 bytes was not answered'
is 'unwatched registers are read' "$(get 00.l)" c0f61234
stop_device TERM
ok "one SIGTERM ends the host (status $?)" wait_for 10 bash -c "[ -z \"\$(lspci -D -n -d 1234:c0f6)\" ]"

# ---- all of it ------------------------------------------------------------------------------------------------------

begin tests/vm/config-all.lua 1234:c0f7
ok 'what Linux wrote to find the BAR is told' wait_for 10 grep -q 'wrote ffffffff to 10/4' "$mb_device_log"
setpci -s "$at" 3c.b=9
ok 'and what setpci writes, at once' grep -q 'wrote 9 to 3c/1' "$mb_device_log"
setpci -s "$at" 9c.w=1234
ok 'also where no register is' grep -q 'wrote 1234 to 9c/2' "$mb_device_log"
stop_device
is 'it stops in good order' $? 0
is 'nobody holds the module' "$(cat /sys/module/pciem/refcnt)" 0
done_testing
