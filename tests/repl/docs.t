#!/bin/bash
# SPDX-License-Identifier: MIT
# docs/prompt.md is true: each of its sessions is typed over a pipe and answers as it says, and every word of the
# prompt stands in it.
# Try: tests/repl/docs.t
. tests/repl/lib.sh

# Blocks to files block-1, block-2 …
awk -v dir="$mb_tmp" '
	/^```/ { if (open) open = 0; else { open = 1; n++ } next }
	open { print > (dir "/block-" n) }' docs/prompt.md

n=0
for block in "$mb_tmp"/block-*; do
	n=$((n + 1))
	command=$(sed -n '1s/^\$ //p' "$block")
	sed 1d "$block" | grep '^> ' | sed 's/^> //' > "$mb_tmp/typed"
	# the greeting is for terminals
	sed 1d "$block" | grep -v '^> ' | grep -v '^edu\. `regs`' > "$mb_tmp/want"
	timeout 20 bash -c "$command" < "$mb_tmp/typed" 2>&1 | sed 's/^stdin:[0-9]*: /error: /' > "$mb_tmp/got"
	is "$(basename "$block"): $command" "$(cat "$mb_tmp/got")" "$(cat "$mb_tmp/want")"
done
ok 'there were sessions' [ "$n" -ge 5 ]

words=$(./moonbar -e 'for _, e in ipairs(require("repl.commands").list) do print(e.name) end')
for word in $words; do
	case $word in
	'?'|'??'|peek|poke|read|write) continue ;;
	esac
	ok "$word stands there" grep -Eq "^\`${word}[ \`]" docs/prompt.md
done
done_testing
