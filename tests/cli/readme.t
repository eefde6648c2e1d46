#!/bin/bash
# SPDX-License-Identifier: MIT
# The README is true: its device is the file it names, and its session at the prompt answers as it says.
# Try: tests/cli/readme.t
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
n=0 bad=0

same() {
	n=$((n + 1))
	if out=$(diff -u "$2" "$3"); then echo "ok $n - $1"; else
		bad=$((bad + 1))
		echo "not ok $n - $1"
		printf '%s\n' "$out" | sed 's/^/# /'
	fi
}

sed -n '/^```lua$/,/^```$/p' README.md | sed '1d;$d' >"$dir/listing"
same "the device in the README is lua/devices/ten.lua" lua/devices/ten.lua "$dir/listing"

# A pipe types the lines behind "> "; what the prompt prints is all the other lines.
sed -n '/^\$ \.\/moonbar run lua\/devices\/ten\.lua$/,/^```$/p' README.md | sed '1d;$d' >"$dir/session"
grep '^> ' "$dir/session" | sed 's/^> //' >"$dir/typed"
grep -v '^> ' "$dir/session" >"$dir/want"
COLUMNS=80 timeout 20 ./moonbar run lua/devices/ten.lua <"$dir/typed" >"$dir/got" 2>&1
same "the session in the README answers as it says" "$dir/want" "$dir/got"

grep -oE '`(lua|host|kernel|repl|docs|tests|tools)/[A-Za-z0-9_./-]*`' README.md | tr -d '`' | sort -u >"$dir/named"
while read -r path; do [ -e "$path" ] && echo "$path"; done <"$dir/named" >"$dir/there"
same "every file that the README names is there" "$dir/named" "$dir/there"

echo "1..$n"
[ $bad = 0 ]
