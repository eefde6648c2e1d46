#!/bin/bash
# SPDX-License-Identifier: MIT
# INTx, MSI and MSI-X from both sides: irqhost.c plays the device, the test driver counts what reaches it.
# Try: tests/vm/run irq
# kernels: all
# timeout: 240
. tests/vm/lib.sh

host=build/vm/irqhost
if [ ! -e $host ] || [ -n "$(find tests/vm kernel/uapi kernel/core -name '*.[ch]' -newer $host)" ]; then
	mkdir -p build/vm
	cc -std=gnu11 -O2 -Wall -Wextra -Werror -pthread -o $host tests/vm/irqhost.c tests/vm/irqside.c \
		kernel/core/regs.c || exit
fi
[ "${1-}" != build ] || exit 0
need test -c /dev/pciem
insmod "${MB_MODULES:-build/module/$(uname -r | cut -d. -f1,2)}/irqtest.ko" || exit
results $host
ok 'the test driver can be unloaded' rmmod irqtest
done_testing
