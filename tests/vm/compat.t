#!/bin/bash
# SPDX-License-Identifier: MIT
# Programs written for the PCIem project's module: both generations of its structures, its ring, its eventfds.
# compat.c is such a program, modules/traptest.c the driver.
# Try: tests/vm/run compat
# kernels: all
. tests/vm/lib.sh

prog=build/vm/compat
if [ ! -e $prog ] || [ -n "$(find tests/vm kernel/uapi kernel/core -name '*.[ch]' -newer $prog)" ]; then
	mkdir -p build/vm
	cc -std=gnu11 -O2 -Wall -Wextra -Werror -pthread -o $prog tests/vm/{compat,trapdev}.c \
		kernel/core/regs.c || exit
fi
[ "${1-}" != build ] || exit 0
need test -c /dev/pciem
before=$(cat /sys/module/pciem/refcnt)
insmod "${MB_MODULES:-build/module/$(uname -r | cut -d. -f1,2)}/traptest.ko" || exit
results $prog
ok 'the test driver can be unloaded' rmmod traptest
is 'nobody holds the module' "$(cat /sys/module/pciem/refcnt)" "$before"
done_testing
