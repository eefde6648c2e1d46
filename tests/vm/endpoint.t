#!/bin/bash
# SPDX-License-Identifier: MIT
# The kernel's own pci_endpoint_test driver works on pci_endpoint_test.lua, and its kselftest (7.2) or that one's
# predecessor pcitest.sh (6.1, 6.12), all built unmodified from Debian's source by tools/kselftest, finds no fault.
# Try: tests/vm/run endpoint
# kernels: all
# prepare: tools/kselftest
# timeout: 300
. tests/vm/lib.sh

built=$PWD/build/kselftest/$MB_KERNEL device=/dev/pci-endpoint-test.0
need test -c /dev/pciem

# The kselftest prints TAP; its results become ours. On any device it skips the subranges of BAR 0, in which are
# the registers that the driver needs itself; other skips are failures.
kselftest() {
	local line n=0 planned='' bar0='pci_ep_bar.BAR0.BAR_SUBRANGE_TEST # SKIP BAR is test register space'
	while IFS= read -r line; do
		case $line in
		1..*) planned=${line#1..} && continue ;;
		'ok '*) line=${line#ok * } ;;
		'not ok '*) fail "kselftest: ${line#not ok * }" && n=$((n + 1)) && continue ;;
		*) echo "# ${line#\# }" && continue ;;
		esac
		n=$((n + 1))
		if [[ $line == *'# SKIP'* && $line != "$bar0" ]]; then
			fail "kselftest: ${line/\# SKIP/is skipped:}"
		else
			pass "kselftest: $line"
		fi
	done < <(timeout 200 "$built/pci_endpoint_test" 2>&1)
	is 'kselftest: all planned tests ran' "$n" "$planned"
}

# pcitest EXAMINATIONS MESSAGES COMMAND…: runs what runs pcitest and makes results of its lines, "NAME: OKAY" or
# what else it says. There must be so many, so many of them messages of MSI or MSI-X; those are only counted.
pcitest() {
	local name result n=0 messages=0 want=$1 want_messages=$2
	shift 2
	while IFS=: read -r name result; do
		result=${result##*$'\t'}
		[ -n "$result" ] || continue
		n=$((n + 1))
		if [ "$result" != OKAY ]; then
			fail "pcitest: $name" "$result"
		elif [[ $name == MSI* ]]; then
			messages=$((messages + 1))
		else
			pass "pcitest: $name"
		fi
	done < <(PATH=$tools:$PATH timeout 200 "$@" 2>&1)
	[ "$want_messages" = 0 ] || is "pcitest: $want_messages messages come" $messages "$want_messages"
	is "pcitest: $want examinations" $n "$want"
}

# Its own script, then what that leaves out: data with each type of interrupt, by DMA in name too, and 1 MiB.
predecessor() {
	tools=$(mktemp -d /run/pcitest.XXXXXX)
	cp "$built/pcitest" "$tools/"
	# The script's loops start thousands of these: a small one, in memory.
	cp /bin/busybox "$tools/expr"
	pcitest 2106 2080 busybox sh "$built/pcitest.sh"
	# shellcheck disable=SC2016 # the inner shell's
	pcitest 21 0 busybox sh -c 'for type in 0 1 2; do
		pcitest -i $type
		for what in -r -w -c; do
			pcitest $what -s 1025
			pcitest $what -s 1048576 -d
		done
	done'
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
