#!/bin/bash
# SPDX-License-Identifier: MIT
# moonbar driver without a kernel: what its text says for a device made to be difficult. That it compiles, loads and
# works is tests/vm/driver.t's business.
# Try: tests/cli/driver.t
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/cli/lib.sh

has() { grep -qF -- "$2" "$dir/hard.c"; result $? "$1"; }
has_not() { ! grep -nE -- "$2" "$dir/hard.c" >"$dir/why"; result $? "$1"; }

cat >"$dir/hard.lua" <<'END'
device "8-hard" { id = "1234:0001", msi = 4, doc = "ends */ early" }
bar(2, 64*KiB) {
  id     = { 0x00, const, 7 },
  status = { 0x08, { done = w1c(0), level = ro(4) }, vector = 0, enable = "mask" },
  mask   = { 0x0c, { done = rw(0), level = rw(4) } },
  other  = { 0x10, { x = ro(0) }, vector = 1 },
  each   = { 0x20, { x = rc(0) }, array = 2, vector = {2, 3} },
  wide   = { 0x30, rw, width = 64, sizes = {4} },
  key    = { 0x38, wo },
  bell   = { 0x3c, doorbell = function() end },
  set    = group(0x100, {2, stride = 0x40}) { k = { 0x10, rw, array = 3 }, l = { 0x00, rw } },
  hole   = { 0x40, rsvd },
}
config { own = { 0x60, { on = rw(0) }, width = 16 } }
END
./moonbar driver -o "$dir/hard.c" "$dir/hard.lua" >"$dir/why" 2>&1 && ! [ -s "$dir/why" ]
result $? "a difficult device"
has "a status register is acknowledged by its own bits" \
	'writel(status, priv->bar[2] + _8_HARD_STATUS);'
has "one that rc bits make up by reading" '/* reading it has cleared it */'
has "one of which the map does not tell: a comment" 'To do: nothing in the map says how to acknowledge other.'
has "its enable register is written" 'writel(0x00000011, priv->bar[2] + _8_HARD_MASK);'
has "and cleared" 'writel(0, priv->bar[2] + _8_HARD_MASK);'
has "arrays of status registers" 'for (i = 0; i < 2; i++) {'
has "64 bits in accesses of 4 bytes" '{ "wide", 2, 8, 4, _8_HARD_WIDE },'
has "arrays in groups" '{ "set.k", 2, 4, 4, _8_HARD_SET_K(0, 0), 2, 0x40, 3, 0x4 },'
has "configuration space" '{ "own", 6, 2, 2, _8_HARD_OWN },'
has_not "nothing reads a doorbell, a write-only register or a reserved one" '"(key|bell|hole)"'
has_not "no name of the template is left" '^\?|\$[a-z{]'
[ "$(grep -c '\*/' "$dir/hard.c")" = "$(grep -c '/\*' "$dir/hard.c")" ]
result $? "comments end where they should"

printf 'device "plain" { id = "1234:0002" }\nbar(0, 16) { a = { 0, rw } }\n' >"$dir/plain.lua"
./moonbar driver -o "$dir/hard.c" "$dir/plain.lua"
has_not "a device without interrupts has no handler" 'irq|vector'

says 2 'roo' "a broken file" bash -c "sed s/rw/roo/ $dir/plain.lua >$dir/b.lua; ./moonbar driver $dir/b.lua"
says 2 'belongs to doc, not to driver' "an option of another verb" ./moonbar driver --format c "$dir/plain.lua"
says 0 '^moonbar driver ' "help driver" ./moonbar help driver

echo "1..$n"
[ $bad = 0 ]
