#!/bin/bash
# SPDX-License-Identifier: MIT
# A driver's accesses to a BAR: mapped, answered in the kernel, posted, waited for, from every context, in
# order, and never for ever. traphost.c is the device, modules/traptest.c the driver.
# "trap.t bench" prints figures instead. The last part is the same over `moonbar run`.
# Try: tests/vm/run trap
# kernels: all
# timeout: 300
. tests/vm/lib.sh

host=build/vm/traphost
if [ ! -e $host ] || [ -n "$(find tests/vm kernel/uapi kernel/core -name '*.[ch]' -newer $host)" ]; then
	mkdir -p build/vm
	cc -std=gnu11 -O2 -Wall -Wextra -Werror -pthread -o $host tests/vm/trap{host,dev}.c \
		kernel/core/regs.c || exit
fi
[ "${1-}" != build ] || exit 0
need test -c /dev/pciem
before=$(cat /sys/module/pciem/refcnt)
insmod "${MB_MODULES:-build/module/$(uname -r | cut -d. -f1,2)}/traptest.ko" || exit
if [ "${1-}" = bench ]; then
	$host bench
	exit
fi
results $host
like 'what a driver left mapped is named' "$(dmesg)" 'the driver never unmapped 1 pages of its BARs'
like 'a given-up read is named' "$(dmesg)" 'BAR 0 \+ 0x18: a read of 4 bytes was not answered in 50000 us'

# standby_woken: how often the host's standby thread has been woken
standby_woken() {
	local thread
	for thread in /proc/"$mb_device_pid"/task/*; do
		[ "$(cat "$thread/comm")" = standby ] || continue
		awk '/^voluntary/ { print $2 }' "$thread/status"
	done
}
taskset -pc 1 $$ >/dev/null
if start_device tests/vm/trap.lua; then
	pass 'a device in Lua, pinned to one CPU'
	results $host driver
	ok "its standby answered" test "$(standby_woken)" -gt 1000
	stop_device
	is 'it stops in good order' $? 0
else
	fail 'a device in Lua, pinned to one CPU'
fi
taskset -pc 0,1 $$ >/dev/null

ok 'the test driver can be unloaded' rmmod traptest
is 'nobody holds the module' "$(cat /sys/module/pciem/refcnt)" "$before"
if [ "$before" = 0 ] && [ -n "$MB_MODULE" ]; then
	ok 'the module can be unloaded' rmmod pciem
	ok 'and loaded again' insmod "$MB_MODULE"
fi
done_testing
