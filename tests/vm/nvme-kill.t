#!/bin/bash
# SPDX-License-Identifier: MIT
# The host is killed under load, twenty times: the driver is removed, nothing leaks and the next start works. It
# exists because a crash of the host is a surprise removal, the hardest thing that can happen to a driver.
# Try: tests/vm/run nvme-kill
# mem: 2048
# timeout: 300
# own-boot
. tests/vm/lib.sh

rounds=20
need modprobe nvme
need test -c /dev/pciem

gone() { ! ls /dev/nvme[0-9]* >/dev/null 2>&1 && [ -z "$(pci_of 1234:4e56)" ]; }
reads() { awk '{print $1 + $5}' /sys/block/nvme0n1/stat 2>/dev/null || echo 0; }
loaded() { [ "$(reads)" -gt "$1" ]; }
memory() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/^MemFree/ {print $2}' /proc/meminfo
}
# What is freed late (by RCU, by workers) has its time; what is not is shown by its kind.
little_lost() {
	lost=$((free - $(memory)))
	[ $lost -lt 16384 ]
}
kinds() { awk '/^(MemFree|AnonPages|Shmem|Slab|SUnreclaim|KernelStack|PageTables|VmallocUsed|Percpu|Cached|Active\(file\)|Mlocked):/ {print $1, $2}' /proc/meminfo; }
interrupts() { grep -c . /proc/interrupts; }

# One life: start, load, kill under load. $wrong says what went wrong.
round() {
	local kind=$1 load
	wrong=
	start_device lua/devices/nvme.lua size=256M || { wrong="it does not start" && return; }
	wait_for 20 test -b /dev/nvme0n1 || { wrong="no /dev/nvme0n1" && return; }
	fio --name=load --filename=/dev/nvme0n1 --rw="$kind" --bs=4k --direct=1 --iodepth=16 --ioengine=libaio \
		--time_based --runtime=60 --numjobs=2 >/dev/null 2>&1 &
	load=$!
	wait_for 20 loaded $((RANDOM % 400 + 50)) || wrong="no load"
	stop_device KILL
	wait_for 20 gone || wrong="the device is still there"
	wait_for 20 bash -c "! kill -0 $load" || { wrong="the load hangs" && kill -9 $load; }
	wait $load 2>/dev/null
}

round randrw
free=$(memory) before=$(kinds) irqs=$(interrupts) devices=$(find /sys/bus/pci/devices/ | wc -l)
for n in $(seq $rounds); do
	kind=randrw
	[ $((n % 3)) != 0 ] || kind=randwrite
	round $kind
	is "killed under $kind ($n of $rounds): the driver lets go" "$wrong" ''
done
is 'as many PCI devices as before' "$(find /sys/bus/pci/devices/ | wc -l)" "$devices"
is 'as many interrupts as before' "$(interrupts)" "$irqs"
wait_for 30 little_lost || diff <(echo "$before") <(kinds) | sed 's/^/# /'
like "less than 16 MiB less memory is free ($lost KiB)" "$((lost < 16384))" 1
start_device lua/devices/nvme.lua size=256M
ok 'the next start works' wait_for 20 test -b /dev/nvme0n1
ok 'and the driver reads from it' dd if=/dev/nvme0n1 of=/dev/null bs=1M count=16 iflag=direct
stop_device
is 'and it stops in order' $? 0
ok 'and is gone' wait_for 20 gone
done_testing
