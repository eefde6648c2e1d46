#!/bin/bash
# SPDX-License-Identifier: MIT
# The kernel's own pci_endpoint_test driver works on pci_endpoint_test.lua, and its kselftest (7.2) or that one's
# predecessor pcitest (6.1, 6.12), all built unmodified from Debian's source by tools/kselftest, finds no fault.
# Try: tools/kselftest && tests/vm/run endpoint
# kernels: all
. tests/vm/lib.sh

built=build/kselftest/$MB_KERNEL device=/dev/pci-endpoint-test.0
[ -c /dev/pciem ] || skip_all 'there is no /dev/pciem'
[ -e "$built/built" ] || skip_all "tools/kselftest $MB_KERNEL has not been run"

# The kselftest prints TAP; its results become ours. What it skips is in its own words.
kselftest() {
	local line n=0 planned=''
	while IFS= read -r line; do
		case $line in
		1..*) planned=${line#1..} ;;
		'ok '*) pass "kselftest: ${line#ok * }" ;;
		'not ok '*) fail "kselftest: ${line#not ok * }" ;;
		*) echo "# ${line#\# }" && continue ;;
		esac
		[[ $line == 1..* ]] || n=$((n + 1))
	done < <(timeout 90 "$built/pci_endpoint_test" 2>&1)
	is 'kselftest: all planned tests ran' "$n" "$planned"
}

# pcitest ARG…: one examination, as pcitest.sh does it; the description is what pcitest prints.
pcitest() {
	local out status
	out=$(timeout 20 "$built/pcitest" "$@" 2>&1)
	status=$?
	out=$(tr -s '\t ' '  ' <<<"$out")
	if [ $status = 0 ]; then pass "pcitest $*: $out"; else fail "pcitest $*" "status $status" "$out"; fi
}

# As pcitest.sh, but for a choice among 2048 messages of MSI-X: a process each takes longer than a test should.
predecessor() {
	local n
	for n in 0 1 2 3 4 5; do pcitest -b $n; done
	pcitest -i 0
	pcitest -l
	pcitest -i 1
	for n in $(seq 32); do pcitest -m "$n"; done
	pcitest -i 2
	for n in 1 2 3 32 33 64 65 255 256 257 1023 1024 1025 2046 2047 2048; do pcitest -x "$n"; done
	for n in 0 1 2; do
		pcitest -i $n
		pcitest -r -s 1025
		pcitest -w -s 1024001
		pcitest -c -s 1024000 -d
	done
	pcitest -i 1
	for n in -r -w -c; do
		for size in 1 1024 1025 1024000 1024001 1048576; do pcitest $n -s $size; done
	done
}

start_device lua/devices/pci_endpoint_test.lua || fail 'the device starts'
ok 'the driver loads' insmod "$built/pci_endpoint_test.ko"
ok 'and binds' wait_for 10 test -c $device
if [ -x "$built/pci_endpoint_test" ]; then kselftest; else predecessor; fi
address=$(pci_of 104c:b500)
like 'its messages are in /proc/interrupts' "$(grep -c pci-endpoint-test /proc/interrupts)" '^[1-9]'
like 'lspci: the driver' "$(lspci -k -s "$address")" 'driver in use: pci-endpoint-test'
is 'the device had nothing to complain of' "$(grep -v started "$mb_device_log")" ''
stop_device
is 'the device stops' $? 0
ok 'and is gone' wait_for 10 test ! -e $device
ok 'the driver can be unloaded' rmmod pci_endpoint_test
done_testing
