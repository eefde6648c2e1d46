#!/bin/bash
# SPDX-License-Identifier: MIT
# The machine comes up with the module loaded. It exists to tell a broken machine from a broken test.
# Try: tests/vm/run boot
# kernels: all
. tests/vm/lib.sh

like "the kernel is $MB_KERNEL" "$(uname -r)" "^${MB_KERNEL//./\\.}\."
is 'the kernel was given no parameter but for its console and panics' \
	"$(cat /proc/cmdline)" 'console=ttyS0 panic=-1 oops=panic'
ok 'the project is visible' test -e tests/vm/boot.t
ok 'files can be written' cp tests/vm/boot.t tests/vm/written
ok 'a module of the kernel loads' modprobe nvme
need test -n "$MB_MODULE"
is 'pciem.ko is for this kernel' "$(modinfo -F vermagic "$MB_MODULE" | cut -d' ' -f1)" "$(uname -r)"
is 'pciem.ko says its license' "$(modinfo -F license "$MB_MODULE")" 'GPL'
ok 'pciem.ko is loaded' test -d /sys/module/pciem
ok '/dev/pciem is a character device' test -c /dev/pciem
is '/dev/pciem is for its owner alone' "$(stat -c %a /dev/pciem)" 600
ok 'pciem.ko can be unloaded' rmmod pciem
ok 'and loaded again' insmod "$MB_MODULE"
is 'nothing in the kernel log is worse than a notice since the module was loaded' \
	"$(dmesg --level emerg,alert,crit,err | grep -i pciem)" ''
done_testing
