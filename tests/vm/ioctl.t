#!/bin/bash
# SPDX-License-Identifier: MIT
# Every request on /dev/pciem with what is wrong; ioctl.c asks, and nothing may be left behind.
# Try: tests/vm/run ioctl
# kernels: all
. tests/vm/lib.sh

prog=build/vm/ioctl
if [ ! -e $prog ] || [ -n "$(find tests/vm kernel/uapi kernel/core -name '*.[ch]' -newer $prog)" ]; then
	mkdir -p build/vm
	cc -std=gnu11 -O2 -Wall -Wextra -Werror -pthread -o $prog tests/vm/ioctl.c || exit
fi
[ "${1-}" != build ] || exit 0
need test -c /dev/pciem
before=$(cat /sys/module/pciem/refcnt)
results $prog
is 'nobody holds the module' "$(cat /sys/module/pciem/refcnt)" "$before"
is 'no bus is left' "$(find /sys/bus/pci/devices -name '1????:*' | wc -l)" 0
is 'no window is left' "$(grep -c 'pciem' /proc/iomem)" 0
done_testing
