#!/bin/bash
# SPDX-License-Identifier: MIT
# Strict DMA: the device touches what its driver has mapped for it now, and nothing else. A test driver maps
# in every way, rightly and wrongly, and dmahost.c plays the device. "dma.t bench" prints figures instead.
# Try: tests/vm/run dma
# kernels: all
# timeout: 200
. tests/vm/lib.sh

host=build/vm/dmahost
sources=(tests/vm/dma{host,side,prp,life,bench}.c)
out_of_date() { [ ! -e $host ] || [ -n "$(find tests/vm kernel/uapi -name '*.[ch]' -newer $host)" ]; }
if out_of_date; then
	mkdir -p build/vm
	cc -std=gnu11 -O2 -Wall -Wextra -Werror -pthread -o $host "${sources[@]}" || exit
fi
[ "${1-}" != build ] || exit 0
need test -c /dev/pciem
before=$(cat /sys/module/pciem/refcnt)
insmod "${MB_MODULES:-build/module/$(uname -r | cut -d. -f1,2)}/dmatest.ko" || exit
if [ "${1-}" = bench ]; then
	$host bench
	exit
fi
results $host
ok 'the test driver can be unloaded' rmmod dmatest
if [ -n "${want_iommu-}" ]; then
	like 'an IOMMU is at work' "$(ls /sys/kernel/iommu_groups)" '[0-9]'
fi
is 'nobody holds the module' "$(cat /sys/module/pciem/refcnt)" "$before"
if [ "$before" = 0 ] && [ -n "$MB_MODULE" ]; then
	ok 'the module can be unloaded' rmmod pciem
	is 'and no record of a mapping is left' "$(grep -c pciem /proc/slabinfo)" 0
	ok 'and loaded again' insmod "$MB_MODULE"
fi
done_testing
