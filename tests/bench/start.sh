#!/bin/bash
# SPDX-License-Identifier: MIT
# How long from the command to a disk, and what an idle device keeps in memory: `moonbar run --on pciem nvme.lua` until
# /dev/nvme0n1 is there, median of the rounds, with what of it was Lua and what the driver; then the host's memory a
# second later. Prints two rows.
# Try: tests/bench/start.sh
# Inside a virtual machine it measures; outside it starts one. ROUNDS, KERNEL.
set -u
ROUNDS=${ROUNDS:-9}

if [ ! -c /dev/pciem ]; then
	cd "$(dirname "$0")/../.." || exit
	exec tools/lab --kernel "${KERNEL:-6.12}" -- env ROUNDS="$ROUNDS" tests/bench/start.sh
fi

# Sleeps without a process of its own, so that looking does not take the CPU from what is looked at.
mkfifo /run/never
exec 9<>/run/never
nap() { read -r -t "$1" -u 9; }
now() { echo $((${EPOCHREALTIME/[.,]/} / 100)); }	# in tenths of a millisecond
ms() { sort -n | awk '{v[NR] = $1} END {printf "%.1f", v[int((NR + 1) / 2)] / 10}'; }
kib() { awk -v name="$1:" '$1 == name {print $2}' "/proc/$host/smaps_rollup"; }

# await COMMAND…: until it says yes; 1 after some 10 s.
await() {
	local tries
	for ((tries = 0; tries < 5000; tries++)); do
		! "$@" || return 0
		nap 0.002
	done
	return 1
}
bound() { compgen -G '/sys/bus/pci/drivers/nvme/*:*' >/dev/null; }

# A program that was started before is in memory; the lab's files are not, but asked for from outside each time.
cp -r moonbar lua repl /run/
cd /run || exit

modprobe nvme || exit
total='' lua='' probe=''
for _ in $(seq "$ROUNDS"); do
	begin=$(now)
	./moonbar run --on pciem lua/devices/nvme.lua size=256M </dev/null >/run/log 2>&1 &
	host=$!
	await bound && bound=$(now)
	await [ -b /dev/nvme0n1 ]
	end=$(now)
	[ -b /dev/nvme0n1 ] || { cat /run/log && exit 1; }
	total+=$((end - begin))$'\n' lua+=$((bound - begin))$'\n' probe+=$((end - bound))$'\n'
	nap 1
	rss=$(kib Rss) dirty=$(kib Private_Dirty)
	kill $host
	wait $host
done
printf '%-36s %10s ms    to the driver %s ms, the driver %s ms\n' 'start, command to /dev/nvme0n1' \
	"$(printf '%s' "$total" | ms)" "$(printf '%s' "$lua" | ms)" "$(printf '%s' "$probe" | ms)"
printf '%-36s %10s KiB   %s KiB of that its own\n' 'memory, an idle NVMe device' "$rss" "$dirty"
