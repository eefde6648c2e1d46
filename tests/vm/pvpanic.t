#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's own pvpanic-pci driver binds to pvpanic.lua, knows what the device offers, and tells it of a panic. That is
# none (modules/pvpanictest.c): after a real one nobody is left to look, since the host dies with the machine.
# Try: tests/vm/run pvpanic
# kernels: all
. tests/vm/lib.sh

need test -c /dev/pciem
need modprobe pvpanic-pci

# An attribute of the driver.
attribute() { find "/sys/bus/pci/devices/$address/" -name "$1" -type f 2>/dev/null | head -n 1; }
events() { cat "$(attribute events)"; }
set_events() { echo "$1" >"$(attribute events)"; }

start_here() { start_device lua/devices/pvpanic.lua "$@"; }

start_here || fail 'the device starts'
address=$(pci_of 1b36:0011)
ok 'the driver binds' wait_for 10 test -e "/sys/bus/pci/drivers/pvpanic-pci/$address"
capability=$(cat "$(attribute capability)")
# The events that the driver of this kernel knows: panicked, crash loaded, and shutdown from 6.11 on.
case $MB_KERNEL in 6.1) known=3 ;; *) known=7 ;; esac
is 'the driver found the events that it knows' "$capability" $known
is 'and tells them all' "$(events)" $known
ok 'what is not on offer is refused' bash -c '! echo 8 >"$0" 2>/dev/null' "$(attribute events)"

panic() { insmod "${MB_MODULES:-build/module/$MB_KERNEL}/pvpanictest.ko" && rmmod pvpanictest; }
said() { grep -c "the guest says: $1" "$mb_device_log"; }
said_times() { [ "$(said "$1")" = "$2" ]; }

ok 'the machine says that it panics' panic
ok 'and the driver tells the device' wait_for 5 said_times panicked 1
ok 'it can be told not to' set_events 2
is 'that is what it says' "$(events)" 2
ok 'another panic' panic
ok 'back to all' set_events "$(cat "$(attribute capability)")"
ok 'and a third' panic
ok 'the first and the third reached the device' wait_for 5 said_times panicked 2
is 'nothing else did' "$(grep -vcE 'started|says: panicked' "$mb_device_log")" 0
stop_device
is 'the device stops' $? 0

start_here events=1 || fail 'the device starts with one event'
address=$(pci_of 1b36:0011)
ok 'events=1: the driver binds' wait_for 10 test -e "/sys/bus/pci/drivers/pvpanic-pci/$address"
is 'events=1: that is its capability' "$(cat "$(attribute capability)")" 1
ok 'events=1: another is refused' bash -c '! echo 2 >"$0" 2>/dev/null' "$(attribute events)"
stop_device
is 'events=1: the device stops' $? 0
ok 'the driver can be unloaded' rmmod pvpanic-pci
done_testing
