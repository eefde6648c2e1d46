# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What the tests of the command share: a folder of their own, results as TAP, and a command with the status and the
# words that it is to end with.
# Try: . tests/cli/lib.sh   (in a script tests/cli/NAME.t)
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT

# result STATUS WHAT: one result; of a failed one $dir/why is shown, if there is such a file.
n=0 bad=0
result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then echo "ok $n - $2"; else
		bad=$((bad + 1))
		echo "not ok $n - $2"
		[ -s "$dir/why" ] && head -20 "$dir/why" | sed 's/^/# /'
	fi
	: >"$dir/why"
}

# says STATUS PATTERN WHAT COMMAND…: ends with STATUS, and says PATTERN (extended).
says() {
	local want=$1 pattern=$2 what=$3 status
	shift 3
	timeout 20 "$@" </dev/null >"$dir/why" 2>&1
	status=$?
	[ $status = "$want" ] && grep -qE -- "$pattern" "$dir/why"
	result $? "$what (status $status)"
}
