#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's own 8250_exar driver works on exar.lua: a session both ways over two channels wired to each other, with
# MSI and interrupts counted; flow control; a login prompt at a terminal of the host; pins through gpio-exar.
# 6.12's driver maps its BAR once a channel, and 6.12's pcim_iomap() warns of that on any machine: hence the boot
# of its own. Not on 7.2: there a host that has the other CPU to itself answers nothing while the 8250's interrupt handler
# waits, which is a fault of ours that is not found yet.
# Try: tests/vm/run exar
# kernels: 6.1 6.12
# own-boot
# timeout: 240
# allow: WARNING: .* pcim_iomap\+
. tests/vm/lib.sh

need test -c /dev/pciem
need modprobe 8250_exar

# The interrupt handler of an 8250 reads registers that Lua answers, some with interrupts off: one CPU is the host's,
# the other is the driver's, so that neither waits for a CPU that the other holds. And since a read takes a character
# from its FIFO whether the answer is in time or not, the devices answer in time on a machine with other work, too.
taskset -pc 1 $$ >/dev/null
echo 2 >/proc/irq/default_smp_affinity

# start OPTION…: the device; sets address and tty, its ports in order.
start() {
	local what=$1
	shift
	taskset -pc 0 $$ >/dev/null
	start_device lua/devices/exar.lua "$@" || fail "$what: the device starts"
	taskset -pc 1 $$ >/dev/null
	address=$(pci_of 13a8:0352)
	ok "$what: the driver finds both channels" wait_for 10 ports_are 2
	mapfile -t tty < <(ports | sort -V)
}
ports() { find "/sys/bus/pci/devices/$address/" -path '*/tty/ttyS*' -prune -printf '/dev/%f\n'; }
ports_are() { [ "$(ports | wc -l)" = "$1" ]; }
stop() {
	is "$1: the device had nothing to complain of" "$(grep -vE 'started|channel 1 is' "$mb_device_log")" ''
	stop_device
	is "$1: the device stops" $? 0
	ok "$1: the ports are gone" wait_for 10 gone
}
gone() { [ ! -e "/sys/bus/pci/devices/$address" ]; }
interrupts() { awk '/exar|ttyS[1-9]/ { for (i = 2; i <= 3; i++) n += $i } END { print n + 0 }' /proc/interrupts; }

# transfer FROM TO BYTES: sends that much at random; passes when it arrives as it was. No more is on its way than a FIFO
# holds: this driver leaves automatic RTS off, so a CPU that is away for longer than 256 characters take loses some,
# here as on the board.
transfer() {
	local at
	head -c "$3" /dev/urandom >/run/sent
	: >/run/got
	for ((at = 0; at < $3; at += 240)); do
		tail -c +$((at + 1)) /run/sent | head -c 240 | timeout 30 cat >"$1"
		timeout 30 head -c $(($3 - at < 240 ? $3 - at : 240)) <"$2" >>/run/got || break
	done
	cmp /run/sent /run/got
}

# ---- two channels, wired ------------------------------------------------------------------------------------

start wired wire=0:1 timeout=2000
is 'wired: no driver shares its ports' "$(lspci -k -s "$address" | sed -n 's/.*driver in use: //p')" exar_serial
for port in "${tty[@]}"; do
	ok "wired: stty $port" stty -F "$port" 115200 raw -echo clocal crtscts
done
exec 5<>"${tty[0]}" 6<>"${tty[1]}"
before=$(interrupts)
echo 'Who is there?' >&5
read -r -t 30 line <&6
is 'wired: a line one way' "$line" 'Who is there?'
echo 'Nobody.' >&6
read -r -t 30 line <&5
is 'wired: and one back' "$line" 'Nobody.'
ok 'wired: 4 KiB one way' transfer "${tty[0]}" "${tty[1]}" 4096
ok 'wired: 4 KiB the other way' transfer "${tty[1]}" "${tty[0]}" 4096
count=$(($(interrupts) - before))
ok "wired: $count interrupts, and not one a character" [ $count -ge 8 ] && [ $count -lt 8192 ]
for speed in 9600 1000000; do
	ok "wired: $speed baud is taken" stty -F "${tty[0]}" $speed
	ok "wired: by both" stty -F "${tty[1]}" $speed
	ok "wired: 500 bytes at $speed baud" transfer "${tty[0]}" "${tty[1]}" 500
done
exec 5>&- 6>&-
is 'wired: nothing was lost' "$(awk '/XR17V35X/ && / (oe|fe|pe|brk):/' /proc/tty/driver/serial)" ''

# ---- pins ------------------------------------------------------------------------------------------------------

if modprobe gpio-exar; then
	chip=$(find "/sys/bus/pci/devices/$address/" -maxdepth 3 -name 'gpiochip*' -path '*gpio_exar*' | head -n 1)
	like 'the pins have a driver, too' "$chip" 'gpiochip[0-9]+$'
fi
stop wired

# ---- a terminal of the host ------------------------------------------------------------------------------------

start terminal pty=1 timeout=2000
ok 'terminal: the device says where' wait_for 5 grep -q 'channel 1 is /dev/pts/' "$mb_device_log"
pts=$(sed -n 's/.*channel 1 is //p' "$mb_device_log")
ok 'terminal: stty' stty -F "${tty[1]}" 115200 raw -echo clocal
exec 5<>"${tty[1]}" 6<>"$pts"
printf 'login: ' >&5
IFS='' read -r -t 30 -n 7 line <&6
is 'terminal: the host sees the prompt' "$line" 'login: '
echo 'root' >&6
read -r -t 30 line <&5
is 'terminal: the guest hears the answer' "$line" root
exec 5>&- 6>&-
stop terminal
modprobe -r gpio-exar 2>/dev/null
ok 'the driver can be unloaded' rmmod 8250_exar
done_testing
