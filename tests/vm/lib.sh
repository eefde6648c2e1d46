# SPDX-License-Identifier: MIT
# What the test scripts tests/vm/*.t share: TAP, and devices started and stopped. It exists so that a script
# reads as what it tests. Sourced, with the project as the current folder: . tests/vm/lib.sh
# Try: tests/vm/run boot
# shellcheck shell=bash

mb_tests=0 mb_failed=0 mb_device_pid='' mb_device_log=''

# pass DESCRIPTION; fail DESCRIPTION [LINE]…: one result; each LINE of a failure becomes a comment.
pass() {
	mb_tests=$((mb_tests + 1))
	echo "ok $mb_tests - $1"
}

fail() {
	mb_tests=$((mb_tests + 1)) mb_failed=$((mb_failed + 1))
	echo "not ok $mb_tests - $1"
	shift
	[ $# = 0 ] || printf '%s\n' "$@" | sed 's/^/#   /'
}

# ok DESCRIPTION COMMAND…: passes when COMMAND ends with 0; its output is shown when it does not.
ok() {
	local what=$1 out status
	shift
	out=$("$@" 2>&1)
	status=$?
	if [ $status = 0 ]; then pass "$what"; else fail "$what" "status $status of: $*" "$out"; fi
}

# is DESCRIPTION GOT WANTED: passes when the two are equal.
is() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got:    $2" "wanted: $3"; fi
}

# like DESCRIPTION GOT PATTERN: passes when GOT matches the extended regular expression.
like() {
	if [[ $2 =~ $3 ]]; then pass "$1"; else fail "$1" "got:    $2" "wanted a match of: $3"; fi
}

# results COMMAND…: its TAP becomes ours; that it came to its end is a result, too.
results() {
	local complete='' line
	while IFS= read -r line; do
		case $line in
		'ok '*) pass "${line#ok * - }" ;;
		'not ok '*) fail "${line#not ok * - }" ;;
		'1..'*) complete=1 ;;
		*) echo "$line" ;;
		esac
	done < <("$@" </dev/null)
	is "$* came to its end" "$complete" 1
}

# need COMMAND…: what the tests behind it cannot do without; ends the script, which counts as failed.
need() {
	"$@" >/dev/null 2>&1 && return
	echo "Bail out! it needs: $*"
	exit 1
}

# The plan, last; ends the script.
done_testing() {
	echo "1..$mb_tests"
	[ $mb_failed = 0 ]
	exit
}

# wait_for SECONDS COMMAND…: waits until COMMAND ends with 0; 1 when it does not in time.
wait_for() {
	local tries=$(($1 * 10))
	shift
	while ! "$@" >/dev/null 2>&1; do
		[ $((tries -= 1)) -gt 0 ] || return 1
		sleep 0.1
	done
}

# start_device FILE…: serves the devices through the module in the background, until the host says that they
# have started. Sets mb_device_pid and mb_device_log. 1 with the host's output as a comment when it fails.
start_device() {
	mb_device_log=$(mktemp /run/device.XXXXXX)
	./moonbar run --on pciem "$@" </dev/null >"$mb_device_log" 2>&1 &
	mb_device_pid=$!
	if ! wait_for 30 mb_device_settled || ! grep -q started "$mb_device_log"; then
		echo "# moonbar run --on pciem $* did not start:"
		sed 's/^/#   /' "$mb_device_log"
		return 1
	fi
}

mb_device_settled() { grep -q started "$mb_device_log" || ! kill -0 "$mb_device_pid"; }

# stop_device [SIGNAL]: ends the devices of start_device and waits; the host's exit status, 124 after 10 s.
stop_device() {
	kill -s "${1:-TERM}" "$mb_device_pid" 2>/dev/null
	wait_for 10 mb_device_gone || return 124
	wait "$mb_device_pid" 2>/dev/null
}

mb_device_gone() { ! kill -0 "$mb_device_pid" 2>/dev/null; }

# pci_of VENDOR:DEVICE: addresses (DOMAIN:BUS:DEVICE.FUNCTION) of the devices with that id, one a line.
pci_of() { lspci -D -n -d "$1" | cut -d' ' -f1; }
