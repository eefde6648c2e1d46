#!/bin/bash
# SPDX-License-Identifier: MIT
# moonbar doc as a user meets it: formats by option and by file name, registers picked, mistakes, and drawings that
# a renderer other than a browser accepts.
# Try: tests/cli/doc.t
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2
. tests/cli/lib.sh

says 0 '^\| `0x08` \| \[factorial\]\(#factorial\) \| 32 \| rw' "Markdown to standard output" ./moonbar doc lua/devices/edu.lua
says 0 '^<!DOCTYPE html>' "--format html" ./moonbar doc --format html lua/devices/edu.lua
says 0 '^<svg ' "--format svg" ./moonbar doc --format svg lua/devices/edu.lua
for end in md html svg; do ./moonbar doc -o "$dir/edu.$end" lua/devices/edu.lua || result 1 "edu.$end is written"; done
head -1 "$dir/edu.md" | grep -q '^# edu$' && grep -q '</html>' "$dir/edu.html" && grep -q '</svg>' "$dir/edu.svg"
result $? "the file's name chooses the format"
says 0 '^<svg ' "--format before the name" bash -c "./moonbar doc --format svg -o $dir/x.md lua/devices/edu.lua && cat $dir/x.md"
says 0 'SQ\[i\]|sq_tail\[i\]. is at .0x1000 . 0x8 \* i' "options of the file" ./moonbar doc lua/devices/nvme.lua queues=4
says 0 '^### status$' "--register" ./moonbar doc --register status lua/devices/edu.lua
says 2 'no register "statsu".*status' "a register that is not there: the nearest" ./moonbar doc --register statsu lua/devices/edu.lua
says 2 'takes md, html or svg, not pdf' "a format that is none" ./moonbar doc --format pdf lua/devices/edu.lua
says 2 'belongs to import, not to doc' "an option of another verb" ./moonbar doc --list lua/devices/edu.lua
says 0 '^moonbar doc ' "help doc" ./moonbar help doc

rsvg-convert -o "$dir/edu.png" "$dir/edu.svg" 2>"$dir/why" && [ "$(head -c 4 "$dir/edu.png" | tail -c 3)" = PNG ]
result $? "rsvg-convert draws it"

echo "1..$n"
[ $bad = 0 ]
