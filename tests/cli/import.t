#!/bin/bash
# SPDX-License-Identifier: MIT
# moonbar export and import as a user meets them: a device there and back, on every device that comes with Moonbar;
# files that somebody else published, every peripheral of them; and files that are broken, which leave nothing behind.
# Try: tests/cli/import.t
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/cli/lib.sh

# There, back, and there again: the second export is the first but for what hooks a row had.
for file in lua/devices/*.lua; do
	name=$(basename "$file" .lua)
	./moonbar export -o "$dir/$name.svd" "$file" 2>"$dir/why" &&
		./moonbar import -o "$dir/$name.lua" "$dir/$name.svd" 2>>"$dir/why" &&
		./moonbar check "$dir/$name.lua" >>"$dir/why" 2>&1 &&
		./moonbar header "$file" >"$dir/$name.h" && ./moonbar header "$dir/$name.lua" >"$dir/$name.again.h" &&
		diff "$dir/$name.h" "$dir/$name.again.h" >>"$dir/why"
	result $? "$name: exported, imported, checked; its header is the same"
	grep -qE '^.{121}' "$dir/$name.lua" && head -1 "$dir/$name.lua" >"$dir/why"
	result $((1 - $?)) "$name: no line is too long"
done
says 0 '0 failed' "an imported device passes the tests of its map" ./moonbar test "$dir/edu.lua"

says 0 '^<device schemaVersion="1.3"' "export to standard output" ./moonbar export lua/devices/edu.lua
says 0 '^device "edu"' "import to standard output" ./moonbar import "$dir/edu.svd"
says 0 'CMSIS-SVD edu, 1 register map' "--list" ./moonbar import --list "$dir/edu.svd"

# Broken: the line is named, and the file that was there stays.
echo old >"$dir/kept.lua"
head -60 "$dir/edu.svd" >"$dir/cut.svd"
says 2 'cut.svd:61: not well-formed XML|cut.svd:60: not well-formed XML' "a file cut short: its line" \
	./moonbar import -o "$dir/kept.lua" "$dir/cut.svd"
[ "$(cat "$dir/kept.lua")" = old ] && ! compgen -G "$dir/*.tmp" >"$dir/why"
result $? "leaves the old file and no half of a new one"
says 2 'not well-formed XML|neither' "a device file is no SVD" ./moonbar import lua/devices/edu.lua
{ echo '<device><name>d</name>'; head -c 34000000 /dev/zero | tr '\0' '\n'; } >"$dir/large.svd"
says 2 'large.svd:[0-9]+: the file is larger than 32 MiB' "a file that is too large" ./moonbar import "$dir/large.svd"
says 2 'takes no options of a device file' "an option of a device" ./moonbar import "$dir/edu.svd" size=4
says 2 'belongs to import, not to export' "--peripheral with export" ./moonbar export --peripheral X lua/devices/edu.lua
says 2 'no peripheral "BAR1"' "a peripheral that is not there" ./moonbar import --peripheral BAR1 "$dir/edu.svd"
says 1 'no-such-dir' "a folder that is not there" ./moonbar import -o "$dir/no-such-dir/x.lua" "$dir/edu.svd"
says 0 '^moonbar import ' "help import" ./moonbar help import
says 0 '^moonbar export ' "help export" ./moonbar help export

# Every peripheral of a file, which is read once.
every=$(cat <<'END'
local import, xml = require "moonbar.formats.import", require "moonbar.formats.xml"
local path = os.getenv "SVD"
local root = xml.read(path)
local n, refused, long = 0, 0, 0
for p in root:child("peripherals"):each "peripheral" do
  local text, why = import.text(path, { p:value "name" }, root)
  n = n + 1
  if not text then refused = refused + 1; print(p:value "name", why) end
  for line in (text or ""):gmatch("[^\n]+") do
    if #line > 122 and not line:match("^ *%-%- %S+$") then long = long + 1; print(line) end
  end
end
print(("%d of them, %d refused, %d with long lines"):format(n, refused, long))
END
)

# What somebody else published: Raspberry Pi's descriptions of RP2040 and RP2350, in Debian's pico-sdk-source.
if timeout 40 tools/svd 2>"$dir/fetch"; then
	for svd in build/svd/*.svd; do
		chip=$(basename "$svd" .svd)
		says 0 '^[3-9][0-9] of them, 0 refused, 0 with long lines$' "$chip: every peripheral becomes a device file" \
			env SVD="$svd" ./moonbar -e "$every"
		says 0 '0 failed' "$chip: a UART passes the tests of its map" bash -c \
			"./moonbar import --peripheral UART0 -o $dir/uart.lua $svd && ./moonbar test $dir/uart.lua"
		says 0 'ch = group\(0x000, \{ 1[26], stride = 0x40 \}\)' "$chip: the DMA's channels are a group" \
			./moonbar import --peripheral DMA "$svd"
		says 2 'choose with --peripheral NAME.*UART0' "$chip: without a choice, the names" ./moonbar import "$svd"
	done
else
	echo "ok $((n += 1)) - published files # SKIP cannot be fetched: $(tail -1 "$dir/fetch" | tr -d '#')"
fi

echo "1..$n"
[ $bad = 0 ]
