#!/bin/bash
# SPDX-License-Identifier: MIT
# Measures nvme.lua beside QEMU's own NVMe device in one virtual machine, with dd and fio, and prints a table
# with ratios. It exists because only a ratio taken in the same machine says anything.
# Try: tests/bench/nvme.sh
# Environment: KERNEL (6.12), SECONDS_EACH (5), ROUNDS (3; medians are shown).
set -euo pipefail
cd "$(dirname "$0")/../.."

if [ "${1-}" != inside ]; then
	disk=$(mktemp "${TMPDIR:-/tmp}/nvme-bench.XXXXXX")
	trap 'rm -f "$disk"' EXIT
	truncate -s 1G "$disk"
	tools/lab --kernel "${KERNEL:-6.12}" --mem 3072 --timeout 900 \
		--qemu "-drive if=none,id=bench,format=raw,cache=unsafe,file=$disk -device nvme,drive=bench,serial=QEMU" \
		-- env SECONDS_EACH="${SECONDS_EACH:-5}" ROUNDS="${ROUNDS:-3}" tests/bench/nvme.sh inside
	exit
fi

. tests/vm/lib.sh
modprobe nvme
start_device lua/devices/nvme.lua size=1G
node_of() {
	local d
	for d in /sys/class/nvme/nvme*; do
		if grep -q "$1" "$d/model"; then echo "/dev/${d##*/}n1"; fi
	done
}
wait_for 20 bash -c "grep -l Moonbar /sys/class/nvme/*/model && sleep 1"
ours=$(node_of Moonbar) theirs=$(node_of QEMU)

# Touch every page of both first, or the first writer pays for memory.
for disk in $ours $theirs; do dd if=/dev/urandom of="$disk" bs=1M oflag=direct status=none 2>/dev/null || true; done

# Each prints one number: operations, or MB, in a second.
fio_run() {
	fio --name=b --filename="$1" --rw="$2" --bs="$3" --iodepth="$4" --direct=1 --ioengine=libaio --time_based \
		--runtime="$SECONDS_EACH" --output-format=terse --terse-version=3 2>/dev/null
}
iops() { fio_run "$@" | awk -F';' '{print $8 + $49}'; }
rate() { fio_run "$@" | awk -F';' '{print ($7 + $48) * 1024 / 1e6}'; }
dd_rate() {
	local count=$((3000 * 4096 / $3)) from=$1 to=/dev/null flags=iflag=direct
	[ "$3" = 4096 ] || count=2000
	if [ "$2" = write ]; then from=/dev/zero to=$1 flags=oflag=direct; fi
	LC_ALL=C dd if="$from" of="$to" bs="$3" count=$count $flags 2>&1 |
		awk -v n=$count -v bs="$3" '/copied/ {sub(/.*copied, /, ""); print bs == 4096 ? n / $1 : n * bs / $1 / 1e6}'
}
median() { sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }

row() {
	local what=$1 unit=$2 a b
	shift 2
	a=$(for _ in $(seq "$ROUNDS"); do "${@/DISK/$ours}"; done | median)
	b=$(for _ in $(seq "$ROUNDS"); do "${@/DISK/$theirs}"; done | median)
	awk -v w="$what" -v u="$unit" -v a="$a" -v b="$b" 'BEGIN {printf "%-36s %10.0f %10.0f %-5s %6.2f\n", w, a, b, u, a / b}'
}

printf '%-36s %10s %10s %-5s %6s\n' "$(uname -r)" nvme.lua 'QEMU nvme' '' ratio
row 'dd, 4 KiB read' IOPS dd_rate DISK read 4096
row 'dd, 4 KiB write' IOPS dd_rate DISK write 4096
row 'dd, 128 KiB read' MB/s dd_rate DISK read 131072
row 'dd, 128 KiB write' MB/s dd_rate DISK write 131072
row 'fio, 4 KiB random read, depth 1' IOPS iops DISK randread 4k 1
row 'fio, 4 KiB random read, depth 32' IOPS iops DISK randread 4k 32
row 'fio, 4 KiB random write, depth 32' IOPS iops DISK randwrite 4k 32
row 'fio, 128 KiB read, depth 8' MB/s rate DISK read 128k 8
row 'fio, 128 KiB write, depth 8' MB/s rate DISK write 128k 8
stop_device
