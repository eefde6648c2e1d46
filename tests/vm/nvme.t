#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's own nvme driver works on nvme.lua: a file system whose contents outlive a stop and a start, nvme-cli,
# namespaces, formats, trims, the older kinds of interrupt, and the file loaded again under load. It exists because a real driver asks for more
# than any test of ours.
# Try: tests/vm/run nvme
# kernels: all
# mem: 3072
# timeout: 240
. tests/vm/lib.sh

disk=/run/nvme.img mount=/mnt log=/run/nvme.out
mkdir -p "$mount"
need modprobe nvme
need test -c /dev/pciem

# start DESCRIPTION OPTION=VALUE…: starts the device, waits for its first namespace. stop DESCRIPTION: ends it. Both
# are tests of their own, in this shell: ok would run them in another, which forgets the device.
start() {
	local what=$1
	shift
	if start_device lua/devices/nvme.lua "$@" && wait_for 20 test -b /dev/nvme0n1; then
		pass "$what"
	else
		fail "$what" "$(dmesg | tail -n 5)"
	fi
}
stop() {
	if stop_device && wait_for 20 gone; then pass "$1"; else fail "$1" "status $?" "$(tail "$mb_device_log")"; fi
}
gone() { ! ls /dev/nvme0* >/dev/null 2>&1; }
# smart NAME: a number of the SMART log.
smart() { nvme smart-log /dev/nvme0 | awk -F: -v name="$1" 'index($1, name) == 1 {print $2 + 0}'; }
status_of() { "$@" 2>&1 | tr '\n' ' '; }

# ---- a file system -----------------------------------------------------------------------------------------

luajit tests/vm/nvme-tree.lua /run/tree 200
(cd /run/tree && find . -type f -exec md5sum {} +) >/run/tree.md5
is 'the tree has 200 MiB' "$(find /run/tree -type f -printf '%s\n' | awk '{n += $1} END {print n / 2^20}')" 200

start 'the device starts and the driver finds its namespace' size=1G file=$disk
ok 'mkfs.ext4' mkfs.ext4 -q -F /dev/nvme0n1
ok 'mount' mount /dev/nvme0n1 "$mount"
ok 'the tree is copied' cp -a /run/tree "$mount/"
rm -rf /run/tree
ok 'trim' fstrim "$mount"
ok 'unmount' umount "$mount"
stop 'the device stops'
start 'the device starts again on the same file' size=1G file=$disk
ok 'mount again' mount /dev/nvme0n1 "$mount"
ok 'every file is as it was' bash -c "cd $mount/tree && md5sum --quiet -c /run/tree.md5"
is 'and none is missing' "$(find "$mount/tree" -type f | wc -l)" "$(wc -l </run/tree.md5)"
umount "$mount"
ok 'fsck finds nothing' fsck.ext4 -f -n /dev/nvme0n1

# ---- nvme-cli --------------------------------------------------------------------------------------------------

ok 'id-ctrl' nvme id-ctrl /dev/nvme0 -H
like 'id-ctrl: model' "$(nvme id-ctrl /dev/nvme0)" 'mn *: Moonbar NVMe'
like 'id-ns: 1 GiB in blocks of 512' "$(nvme id-ns /dev/nvme0n1)" 'nsze *: 0x200000'
ok 'ns-descs' nvme ns-descs /dev/nvme0n1
ok 'list' nvme list
ok 'fw-log' nvme fw-log /dev/nvme0
ok 'effects-log' nvme effects-log /dev/nvme0
ok 'changed-ns-list-log' nvme changed-ns-list-log /dev/nvme0
is 'smart-log: temperature' "$(smart temperature)" 37
is 'smart-log: no critical warning' "$(smart critical_warning)" 0
is 'smart-log: two power cycles' "$(smart power_cycles)" 2
is 'smart-log: no unsafe shutdown' "$(smart unsafe_shutdowns)" 0
is 'smart-log: 200 MiB were written' "$(($(smart 'Data Units Written') >= 400))" 1
is 'smart-log: and read' "$(($(smart 'Data Units Read') >= 400))" 1
for f in 1 2 4 5 6 7 8 9 0xa 0xb 0xe; do
	ok "get-feature $f" nvme get-feature /dev/nvme0 -n 1 -f $f
done
before=$(smart num_err_log_entries)
like 'an unknown log page is refused' "$(status_of nvme get-log /dev/nvme0 -i 0x70 -l 512)" 'Invalid Log Page|INVALID_LOG_PAGE'
like 'an unknown command is refused' "$(status_of nvme admin-passthru /dev/nvme0 -o 0x7e)" 'Invalid Command Opcode|INVALID_OPCODE'
like 'a firmware command is an unknown command' \
	"$(status_of nvme admin-passthru /dev/nvme0 -o 0x10)" 'Invalid Command Opcode|INVALID_OPCODE'
after=$(smart num_err_log_entries)
is 'each is an entry of the error log' $((after - before)) 3
like 'error-log shows the last' "$(nvme error-log /dev/nvme0 -e 1)" "error_count[^0-9]*${after}[^0-9]"

dd if=/dev/urandom of=/run/block bs=4096 count=1 status=none
ok 'write by nvme-cli' nvme write /dev/nvme0n1 -s 64 -c 7 -z 4096 -d /run/block
ok 'compare finds it equal' nvme compare /dev/nvme0n1 -s 64 -c 7 -z 4096 -d /run/block
ok 'read by nvme-cli' nvme read /dev/nvme0n1 -s 64 -c 7 -z 4096 -d /run/block.back
ok 'it is what was written' cmp /run/block /run/block.back
ok 'write-zeroes' nvme write-zeroes /dev/nvme0n1 -s 64 -c 7
ok 'compare finds it different' bash -c '! nvme compare /dev/nvme0n1 -s 64 -c 7 -z 4096 -d /run/block'
ok 'flush' nvme flush /dev/nvme0n1 -n 1

# ---- configuration space ----------------------------------------------------------------------------------------

address=$(readlink -f /sys/class/nvme/nvme0/device)
lspci -vv -s "${address##*/}" >$log 2>&1
like 'lspci: an NVM Express controller' "$(lspci -nn -s "${address##*/}")" 'Non-Volatile memory controller \[0108\]'
like 'lspci: memory' "$(cat $log)" 'Memory at [0-9a-f]+ \(64-bit, non-prefetchable\)( \[[a-z]+\])? \[size=16K\]'
like 'lspci: MSI-X on' "$(cat $log)" 'MSI-X: Enable\+ Count=17 Masked-'
like 'lspci: power management and PCIe' "$(tr '\n' ' ' <$log)" 'Power Management version 3.*Express \(v2\) Endpoint'
like 'lspci: the driver' "$(cat $log)" 'Kernel driver in use: nvme'
is 'lspci: nothing it cannot decode' "$(grep -E 'unknown|<access denied>|!!!|Unknown|chain broken' $log)" ''
stop 'the device stops after all this'

# ---- namespaces and formats -------------------------------------------------------------------------------------

start 'three namespaces' size=64M namespaces=3 lba=4096
ok 'the last has a node' wait_for 10 test -b /dev/nvme0n3
is 'blocks of 4096' "$(cat /sys/block/nvme0n3/queue/logical_block_size)" 4096
dd if=/dev/urandom of=/dev/nvme0n2 bs=1M count=8 oflag=direct status=none
ok 'format to blocks of 512' nvme format /dev/nvme0n2 --lbaf=0 --ses=1 --force
ok 'the driver sees blocks of 512' wait_for 10 grep -qx 512 /sys/block/nvme0n2/queue/logical_block_size
is 'the others keep theirs' "$(cat /sys/block/nvme0n3/queue/logical_block_size)" 4096
ok 'what was there is erased' cmp -n 8388608 /dev/zero /dev/nvme0n2
dd if=/dev/urandom of=/dev/nvme0n1 bs=1M count=8 oflag=direct status=none
ok 'discard' blkdiscard -f /dev/nvme0n1
ok 'discarded blocks read as zeroes' cmp -n 8388608 /dev/zero /dev/nvme0n1
stop 'the device with three namespaces stops'

# ---- interrupts ---------------------------------------------------------------------------------------------------

for kind in intx msi; do
	start "$kind: the device starts" size=256M interrupt=$kind
	dd if=/dev/urandom of=/run/$kind.in bs=1M count=32 status=none
	ok "$kind: write" dd if=/run/$kind.in of=/dev/nvme0n1 bs=256k oflag=direct status=none
	ok "$kind: what is read is what was written" cmp -n 33554432 /run/$kind.in /dev/nvme0n1
	rm /run/$kind.in
	like "$kind: /proc/interrupts" "$(grep nvme0q /proc/interrupts)" 'nvme0q0'
	stop "$kind: the device stops"
done

# ---- a host that is late -------------------------------------------------------------------------------------------

LUA_PATH="lua/lib/?.lua;lua/lib/?/init.lua" LUA_CPATH="build/?.so" luajit tests/vm/late.lua >$log 2>&1 &
late=$!
ok 'late: the driver waits for a host that comes 400 ms after the device' wait_for 20 test -b /dev/nvme0n1
kill -9 $late
ok 'late: and lets go when it dies' wait_for 20 gone

# ---- loaded again under its driver ---------------------------------------------------------------------------------

cp -r lua/devices /run/devices
mkfifo /run/prompt
exec 7<>/run/prompt
mb_device_log=/run/reload.log
./moonbar run --on pciem /run/devices/nvme.lua size=256M <&7 >$mb_device_log 2>&1 &
mb_device_pid=$!
ok 'reload: the device starts' wait_for 20 test -b /dev/nvme0n1

# reload: waits for the prompt's answer; 0 when it is yes. Each asks for one of its own: a prompt also loads a file
# again when it is saved, and says so.
answered() { grep -Eq "(reloaded|refused) $asked\b" "$mb_device_log"; }
reload() {
	asked=${EPOCHREALTIME/[.,]/}
	echo "(mb.devices.nvme:reload() and 'reloaded' or 'refused') .. ' $asked'" >&7
	wait_for 20 answered && grep -q "reloaded $asked\b" "$mb_device_log"
}
refused() { ! reload && answered; }
again=0 wrong=''
fio --name=reload --filename=/dev/nvme0n1 --rw=randwrite --bs=4k --size=64M --direct=1 --ioengine=libaio --iodepth=16 \
	--verify=crc32c --verify_fatal=1 >$log 2>&1 &
load=$!
while kill -0 $load 2>/dev/null; do
	if reload; then again=$((again + 1)); else wrong=$(tail -n 3 $mb_device_log) && break; fi
done
is "reload: each of $again under load works" "$wrong" ''
ok 'reload: there was time for three at least' [ $again -ge 3 ]
wait $load
is 'reload: 64 MiB at random places, written and read back under that' "$? $(grep -iE 'error|bad|verify:' $log)" '0 '
sed -i 's/"Moonbar NVMe"/"Changed NVMe"/' /run/devices/nvme.lua
ok 'reload: a changed file' reload
like 'reload: the new code answers' "$(nvme id-ctrl /dev/nvme0)" 'mn *: Changed NVMe'
echo 'error("not yet")' >>/run/devices/nvme.lua
ok 'reload: a file with a mistake is refused' refused
like 'reload: the code before it goes on' "$(nvme id-ctrl /dev/nvme0)" 'mn *: Changed NVMe'
ok 'reload: and so does the disk' dd if=/dev/nvme0n1 of=/dev/null bs=1M count=64 iflag=direct
stop 'reload: the device stops'
exec 7>&-

is 'the driver never waited in vain' "$(dmesg | grep -E 'nvme.*(timeout|Abort|resetting|controller is down|I/O Error)')" ''
done_testing
