#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's own i6300esb driver works on i6300esb.lua: it starts and stops the watchdog by configuration writes that it
# reads back at once, keeps it alive, and a driver that comes after a time-out knows of it.
# Try: tests/vm/run i6300esb
# kernels: all
# timeout: 150
. tests/vm/lib.sh

need test -c /dev/pciem
# Ten seconds to be kept alive in, since a busy machine may stop for a few; two to expire
need modprobe i6300esb heartbeat=10

# Its folder under /sys/class/watchdog: the machine may have other watchdogs, and soft ones
watchdog() {
	local file
	for file in /sys/class/watchdog/*/identity; do
		[ "$(cat "$file" 2>/dev/null)" != 'i6300ESB timer' ] || dirname "$file"
	done
}
present() { [ -n "$(watchdog)" ]; }
lock_register() { setpci -s "$address" 68.b; }
expired() { grep -q 'second stage expired' "$mb_device_log"; }
unexpired() { if expired; then fail "$1" "$(<"$mb_device_log")"; else pass "$1"; fi; }

if start_device lua/devices/i6300esb.lua; then pass 'the device starts'; else fail 'the device starts'; fi
address=$(pci_of 8086:25ab)
ok 'the driver makes a watchdog' wait_for 10 present
class=$(watchdog) node=/dev/$(basename "$(watchdog)")
is 'its time-out is ten seconds' "$(cat "$class/timeout")" 10
is 'the driver wants neither interrupt nor SMI' "$(setpci -s "$address" 60.w)" 0003
is 'it is off' "$(lock_register)" 00
is 'and had not expired' "$(cat "$class/bootstatus")" 0

# ---- started, kept alive, stopped -------------------------------------------------------------------------

exec 5>"$node"
is 'opened, it is on' "$(lock_register)" 02
is 'and active' "$(cat "$class/state")" active
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
	sleep 1
	printf . >&5
done
unexpired 'kept alive for twelve seconds, it does not expire'
printf V >&5
exec 5>&-
is 'closed in order, it is off' "$(lock_register)" 00
sleep 11
unexpired 'and does not expire'

# ---- left alone -------------------------------------------------------------------------------------------

rmmod i6300esb
modprobe i6300esb heartbeat=2
ok 'the driver comes back' wait_for 10 present
node=/dev/$(basename "$(watchdog)")
exec 5>"$node"
ok 'left alone, it expires' wait_for 20 expired
printf V >&5
exec 5>&-
is 'it can be stopped all the same' "$(lock_register)" 00

# The time-out is remembered until somebody acknowledges it: a driver that binds afterwards reports why it booted.
driver='/sys/bus/pci/drivers/i6300ESB timer'
echo "$address" >"$driver/unbind"
is 'unbound, there is no watchdog' "$(watchdog)" ''
echo "$address" >"$driver/bind"
ok 'the driver binds again' wait_for 10 present
is 'it knows that the watchdog had expired' "$(cat "$(watchdog)/bootstatus")" 32
is 'and has acknowledged it: the next one does not' \
	"$(echo "$address" >"$driver/unbind"; echo "$address" >"$driver/bind"; cat "$(watchdog)/bootstatus")" 0

# ---- gone -------------------------------------------------------------------------------------------------

stop_device
is 'the device stops in good order' $? 0
is 'the driver has made no mistake' "$(grep 'guest error' "$mb_device_log")" ''
is 'the watchdog is gone with it' "$(watchdog)" ''
ok 'the driver can be unloaded' rmmod i6300esb
is 'nobody holds the module' "$(cat /sys/module/pciem/refcnt)" 0
done_testing
