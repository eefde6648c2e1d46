#!/bin/bash
# SPDX-License-Identifier: MIT
# moonbar header: what it writes compiles as C11 and as C++11, for every device and for one
# made to be difficult; the values are right; and how -o treats the file that is there.
# Try: tests/cli/header.t
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/cli/lib.sh

compiles() {
	"$1" -x "$2" "-std=$3" -Wall -Wextra -pedantic -Werror -I"$dir" -o "$dir/out.o" -c "$4" 2>>"$dir/why"
}

in_both() {
	compiles cc c c11 "$2"
	result $? "$1, as C11"
	compiles clang++ c++ c++11 "$2"
	result $? "$1, as C++11"
}

for file in lua/devices/*.lua; do
	name=$(basename "$file" .lua)
	./moonbar header -o "$dir/$name.h" "$file" 2>"$dir/why" && ! [ -s "$dir/why" ]
	result $? "$name: the header is written"
	printf '#include "%s.h"\nint main(void) { return 0; }\n' "$name" >"$dir/$name.c"
	in_both "$name" "$dir/$name.c"
	[ "$(grep -c '^static_assert' "$dir/$name.h")" -ge "$(grep -c '^#define [A-Z0-9_]*_RESET[[:space:]]' "$dir/$name.h")" ]
	result $? "$name: an assertion for each register that has a reset value"
done

# What is hard: words of C and C++, places that are not multiples of their size, arrays in each other's gaps, a group
# with a stranger inside, names that differ by case, enum names that are no identifiers, comments that end comments.
cat >"$dir/hard.lua" <<'END'
device "8-hard" { id = "1234:0001", doc = "ends */ and begins /* comments" }
ram(0x2000, 4*KiB)
bar(0, 64*KiB) {
  class   = { 0x00, rw, 0x12345678, "a word of C++ */" },
  int     = { 0x04, rw, width = 16 },
  Case    = { 0x06, rw, width = 8 },
  case_   = { 0x07, rw, width = 8 },
  wide    = { 0x0c, rw, 0xfedcba9876543210ULL, width = 64 },
  top     = { 0x18, width = 64, { high = rw(63, 60, { [0] = "1 kHz", "1 MHz", [15] = "16 MHz" }), low = ro(0) } },
  odd     = { 0x21, rw, width = 32 },
  a       = { 0x100, rw, array = {4, stride = 8} },
  b       = { 0x104, ro, array = {4, stride = 8} },
  lonely  = { 0x200, rw, width = 16, array = {3, stride = 16} },
  guest   = { 0x20a, rw, width = 16 },
  set     = group(0x300, {2, stride = 0x10}) { x = { 0x00, { go = rw(0) } }, y = { 0x08, rw } },
  mixed   = group(0x400, {2, stride = 0x10}) { x = { 0x00, rw }, y = { 0x0c, rw } },
  inside  = { 0x404, rw },
  plain   = group(0x500) { x = { 0x04, rw, width = 8 } },
  nest    = group(0x700, {2, stride = 0x40}) { a = { 0, rw, array = 3 }, b = { 0x10, rw, array = {2, stride = 8} },
              c = { 0x14, ro, array = {2, stride = 8}, width = 16 } },
  lone    = group(0x800) { a = { 4, rw, array = {2, stride = 8} } },
  mask    = { 0x600, rw },
  mask_set = { 0x604, w1s "mask" },
  ring    = { 0x608, doorbell = function() end },
}
config { extra = { 0x60, rw, width = 16 } }
END
./moonbar header -o "$dir/hard.h" "$dir/hard.lua" >"$dir/why" 2>&1 && ! [ -s "$dir/why" ]
result $? "a difficult device: the header is written, and nothing is said"
cat >"$dir/hard.c" <<'END'
#include "hard.h"
#define SAME(a, b) static_assert((a) == (b), #a)
SAME(_8_HARD_CLASS, 0);
SAME(_8_HARD_CLASS_RESET, 0x12345678);
SAME(_8_HARD_WIDE_RESET, 0xfedcba9876543210ull);
SAME(_8_HARD_TOP_HIGH, 0xf000000000000000ull);
SAME(_8_HARD_TOP_HIGH_SHIFT, 60);
SAME(_8_HARD_TOP_HIGH_16_MHZ, 15);
SAME(_8_HARD_B(3), 0x11c);
SAME(_8_HARD_B_COUNT, 4);
SAME(_8_HARD_SET_Y(1), 0x318);
SAME(_8_HARD_PLAIN_X, 0x504);
SAME(_8_HARD_NEST_A(1, 2), 0x748);
SAME(_8_HARD_NEST_B(1, 1), 0x758);
SAME(_8_HARD_NEST_C_EACH, 2);
SAME(_8_HARD_LONE_A(1), 0x80c);
SAME(offsetof(struct _8_hard_bar0, nest[1].a[2]), 0x748);
SAME(offsetof(struct _8_hard_bar0, nest[1].c_1), 0x75c);
SAME(_8_HARD_BAR0_RAM, 0x2000);
SAME(_8_HARD_PCI_VENDOR, 0x1234);
SAME(offsetof(struct _8_hard_bar0, a_b[2].b), 0x114);
SAME(offsetof(struct _8_hard_bar0, set[1].y), 0x318);
SAME(offsetof(struct _8_hard_bar0, inside), 0x404);
SAME(offsetof(struct _8_hard_config, extra), 0x60);
int main(void) { return 0; }
END
in_both "a difficult device" "$dir/hard.c"

# Assertions that are wrong must not compile.
sed 's/^#define _8_HARD_MASK\t.*/#define _8_HARD_MASK 0x601/' "$dir/hard.h" >"$dir/wrong.h"
printf '#include "wrong.h"\nint main(void) { return 0; }\n' >"$dir/wrong.c"
! compiles cc c c11 "$dir/wrong.c" && grep -q 'mask' "$dir/why"
result $? "a wrong offset does not compile"

says 0 '^struct edu_bar0 \{' "without -o it goes to standard output" ./moonbar header lua/devices/edu.lua
says 0 'NVME_SQ_TAIL_COUNT[[:space:]]+5$' "options of the file" ./moonbar header lua/devices/nvme.lua queues=4
echo old >"$dir/kept.h"
echo 'device "x" { id = "1234:0001" } bar(0, 16) { a = { 0, roo } }' >"$dir/broken.lua"
says 2 'broken.lua:1: .*roo' "a broken file" ./moonbar header -o "$dir/kept.h" "$dir/broken.lua"
[ "$(cat "$dir/kept.h")" = old ]; result $? "leaves the file as it was"
says 1 'no-such-dir' "a folder that is not there" ./moonbar header -o "$dir/no-such-dir/x.h" lua/devices/edu.lua
says 1 'No space left' "a full disk" ./moonbar header -o /dev/full lua/devices/edu.lua
says 1 'No space left|standard output' "a full standard output" bash -c './moonbar header lua/devices/edu.lua >/dev/full'
[ -c /dev/full ]; result $? "a device is written to, not replaced"
chmod 640 "$dir/kept.h"
ln -s kept.h "$dir/link.h"
./moonbar header -o "$dir/link.h" lua/devices/edu.lua
[ -L "$dir/link.h" ] && grep -q EDU_ID "$dir/kept.h" && [ "$(stat -c %a "$dir/kept.h")" = 640 ]
result $? "a link and the file's mode stay"
! compgen -G "$dir/*.tmp" >"$dir/why"; result $? "no temporary file is left"

says 2 'belongs to doc, not to header' "an option of another verb" ./moonbar header --format md lua/devices/edu.lua
says 2 'unrecognized option|bogus' "an unknown option" ./moonbar header --bogus lua/devices/edu.lua
says 2 'device file is missing' "no file" ./moonbar header
says 2 'a second file' "two files" ./moonbar header lua/devices/edu.lua lua/devices/ten.lua
says 2 'cannot be read' "a file that is not there" ./moonbar header no-such.lua
says 0 '^moonbar header \[-o OUT\]' "help header" ./moonbar help header
says 0 '^moonbar header \[-o OUT\]' "header --help" ./moonbar header --help
says 2 'no help on walk; there is on run, check' "help on what there is not" ./moonbar help walk

echo "1..$n"
[ $bad = 0 ]
