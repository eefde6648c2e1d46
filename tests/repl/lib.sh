# SPDX-License-Identifier: MIT
# What the tests of the prompt share: ./moonbar in a real terminal, which is a window of a tmux server of the
# test's own. It exists because a prompt that works over a pipe may still not work under somebody's fingers.
# Sourced, with the project as the current folder: . tests/repl/lib.sh
# Try: tests/repl/terminal.t
# shellcheck shell=bash

. tests/vm/lib.sh

mb_tmp=$(mktemp -d)
mb_terms=0
export XDG_STATE_HOME=$mb_tmp/state
unset NO_COLOR

# A server of its own for every terminal: one that is ending takes no new session.
term_kill() {
	[ $mb_terms = 0 ] || tm kill-server 2>/dev/null
}

finish() {
	term_kill
	rm -rf "$mb_tmp"
}
trap finish EXIT

tm() { tmux -S "$mb_tmp/tmux-$mb_terms" -f /dev/null "$@"; }

# term_start WIDTH COMMAND: a new terminal, 40 lines high, that runs the shell's COMMAND and then tells its
# exit status; what it writes is kept byte by byte in $mb_tmp/raw.
term_start() {
	term_kill
	mb_terms=$((mb_terms + 1))
	rm -f "$mb_tmp/raw" "$mb_tmp/go"
	tm new-session -d -x "$1" -y 40 "trap : INT; until [ -e '$mb_tmp/go' ]; do sleep 0.05; done
		$2; echo \"[status \$?]\"; stty -a | grep -o 'intr = [^;]*'; stty -a | grep -wo -e '-\?icanon'
		exec sleep 600"
	tm pipe-pane "cat >> '$mb_tmp/raw'"
	touch "$mb_tmp/go"
}

screen() { tm capture-pane -p 2>/dev/null; }

# type LINE: as typed, with Enter. keys KEY…: names of tmux, such as Up or C-c.
type_line() { tm send-keys -l -- "$1" && tm send-keys Enter; }
type_text() { tm send-keys -l -- "$1"; }
keys() { tm send-keys "$@"; }

screen_has() { screen | grep -Eq -- "$1"; }

# sees DESCRIPTION PATTERN: passes when a line of the screen matches within ten seconds.
sees() {
	if wait_for 10 screen_has "$2"; then pass "$1"; else fail "$1" "wanted a line like: $2" "the screen:" "$(screen)"; fi
}

# last_line: the last line of the screen that is not empty.
last_line() { screen | grep -v '^$' | tail -n 1; }

last_line_is() { [ "$(last_line)" = "$1" ]; }

# ends_with DESCRIPTION LINE: passes when LINE is the last line within ten seconds.
ends_with() {
	if wait_for 10 last_line_is "$2"; then pass "$1"; else fail "$1" "wanted last: $2" "the screen:" "$(screen)"; fi
}

# at_prompt: waits until an empty prompt is the last line, so that keys do not overtake the program.
at_prompt() {
	wait_for 10 last_line_is '>' || fail 'an empty prompt' "the screen:" "$(screen)"
}

one_line() { [ "$(screen | grep -vc '^$')" = 1 ]; }

clear_screen() {
	at_prompt
	keys C-l
	wait_for 10 one_line
}
