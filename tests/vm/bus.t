#!/bin/bash
# SPDX-License-Identifier: MIT
# The bus: windows and BARs, several devices at once, coming and going with drivers bound; bushost.c plays the
# devices. And what lspci, as a user would, reads of one.
# Try: tests/vm/run bus
# kernels: all
# timeout: 300
. tests/vm/lib.sh

host=build/vm/bushost
if [ ! -e $host ] || [ -n "$(find tests/vm kernel/uapi kernel/core -name '*.[ch]' -newer $host)" ]; then
	mkdir -p build/vm
	cc -std=gnu11 -O2 -Wall -Wextra -Werror -pthread -o $host tests/vm/bushost.c tests/vm/irqside.c \
		kernel/core/regs.c || exit
fi
[ "${1-}" != build ] || exit 0
need test -c /dev/pciem
insmod "${MB_MODULES:-build/module/$(uname -r | cut -d. -f1,2)}/irqtest.ko" || exit
results $host

# One device stays while it is looked at.
coproc $host stay
read -r _ <&"${COPROC[0]}"
listing=$(lspci -vvv -d 1234:b055 2>&1)
like 'lspci: the memory BARs' "$listing" 'Region 0: Memory at [0-9a-f]+ \(32-bit, non-prefetchable\) \[size=128K\]'
like 'lspci: and the 64-bit one' "$listing" 'Region 2: Memory at [0-9a-f]+ \(64-bit, prefetchable\) \[size=8K\]'
like 'lspci: power management' "$listing" 'Power Management version 3'
like 'lspci: an endpoint' "$listing" 'Express \(v2\) Endpoint'
like 'lspci: its link' "$listing" 'LnkSta:.*Speed 8GT/s.*Width x4'
like 'lspci: MSI' "$listing" 'MSI: Enable- Count=1/4 Maskable\+ 64bit\+'
like 'lspci: MSI-X, in use' "$listing" 'MSI-X: Enable\+ Count=16 Masked-'
like 'lspci: the table' "$listing" 'Vector table: BAR=0 offset=00008000'
like 'lspci: the driver' "$listing" 'Kernel driver in use: irqtest'
is 'lspci: nothing that it cannot decode' \
	"$(echo "$listing" | grep -iE 'unknown|!!!|<[a-z ]*(denied|chain)|\(rev ff\)|virtual|ignored')" ''
[ $mb_failed = 0 ] || printf '# %s\n' "${listing//$'\n'/$'\n# '}"
echo >&"${COPROC[1]}"
wait "$COPROC_PID"

ok 'the test driver can be unloaded' rmmod irqtest
done_testing
