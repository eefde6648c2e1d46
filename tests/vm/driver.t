#!/bin/bash
# SPDX-License-Identifier: MIT
# The drivers that moonbar driver writes: built for the stock kernel as they are, they load, bind, read every register,
# take and acknowledge an interrupt, and go without a trace.
# Try: tests/vm/run driver
# prepare: tools/drivers
# timeout: 240
. tests/vm/lib.sh

built=$PWD/build/drivers/$MB_KERNEL
need test -c /dev/pciem
mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug

# bind NAME ID: the device starts, its driver loads and binds; sets address and registers
bind() {
	start_device "lua/devices/$1.lua" || { fail "$1 starts"; return 1; }
	ok "$1: the driver loads" insmod "$built/$1_drv.ko"
	address=$(pci_of "$2")
	registers=/sys/kernel/debug/$1_drv-$address/registers
	ok "$1: and binds" wait_for 10 test -e "$registers"
	like "$1: lspci agrees" "$(lspci -k -s "$address")" "driver in use: $1_drv"
}

# unbind NAME: driver and device go; what the device complained of. On a busy machine an answer may come too late.
unbind() {
	ok "$1: the driver can be unloaded" rmmod "$1_drv"
	ok "$1: and takes its file along" test ! -e "$registers"
	is "$1: the device had nothing to complain of" "$(grep -vE 'started|given up: no answer within' "$mb_device_log")" ''
	stop_device
	is "$1: the device stops" $? 0
}

# What the map says a read gives after a reset: "NAME VALUE" for each register without a hook.
want() {
	./moonbar -e '
for _, r in ipairs(mb.devices[next(mb.devices)].registers) do
  local hex = require("moonbar.numbers").hex
  if not (r.has_read or r.is_doorbell or r.alias or r.access == "wo" or r.access == "rsvd" or r.group) then
    for i = 0, (r.count or 1) - 1 do
      print(r.name .. (r.count and "[" .. i .. "]" or "") .. " " .. hex(r.reset))
    end
  end
end' "lua/devices/$1.lua" | sort
}
got() { grep -v '^#' "$registers" | awk '{ print $3, $4 }' | sort; }

# where another script has loaded it, it would take the device first
lsmod | grep -q '^nvme ' && need rmmod nvme
for device in edu:1234:11e8 ten:1234:0010 nvme:1234:4e56; do
	name=${device%%:*}
	bind "$name" "${device#*:}" || continue
	want "$name" >/run/want
	got >/run/got
	like "$name: there is something to compare" "$(wc -l </run/want)" '^[1-9]'
	is "$name: every register reads as the map says" "$(comm -23 /run/want /run/got)" ''
	case $name in
	edu)
		# as any other driver would: raise a cause; the handler sees it and clears it by way of the alias
		insmod "$MB_MODULES/regbench.ko" rounds=1 count=1 bar=0 offset=0x60 write=1 data=1 "dev=$address" 2>/dev/null
		ok 'edu: the interrupt comes' wait_for 10 grep -q '1 vectors, [1-9][0-9]* interrupts' "$registers"
		ok 'edu: and is acknowledged' wait_for 10 grep -q 'irq_status 0x0$' "$registers"
		;;
	ten)
		insmod "$MB_MODULES/regbench.ko" rounds=1 count=1 bar=0 offset=0x4 write=1 data=1000 "dev=$address" 2>/dev/null
		ok 'ten: the timer interrupts' wait_for 10 grep -q 'vectors, [1-9][0-9]* interrupts' "$registers"
		ok 'ten: and is acknowledged' wait_for 10 grep -q ' status 0x0$' "$registers"
		;;
	nvme)
		is 'nvme: 17 vectors' "$(sed -n 's/^# \([0-9]*\) vectors.*/\1/p' "$registers")" 17
		;;
	esac
	unbind "$name"
done

for device in exar:13a8:0352 pvpanic:1b36:0011 pci_endpoint_test:104c:b500; do
	name=${device%%:*}
	bind "$name" "${device#*:}" || continue
	like "$name: every register reads" "$(got | wc -l)" '^[1-9]'
	unbind "$name"
done
done_testing
