#!/usr/bin/env bats
# A day in the guest: it feels like the host, and nothing kills the work. One VM for all but the last tests.

load common

setup_file() {
        start_api
        git config --global user.name 'Tester "T" \ é'
        git config --global user.email tester@example.org
        git config --global alias.evil '!touch /tmp/evil'
        git config --global credential.helper store
        ssh-keygen -q -t ed25519 -N '' -C lent -f "$BATS_FILE_TMPDIR/lent"
        eval "$(ssh-agent -a /tmp/tester-agent)" >/dev/null
        ssh-add -q "$BATS_FILE_TMPDIR/lent"
        echo "$SSH_AGENT_PID" >"$BATS_FILE_TMPDIR/agent"
        systemctl --user set-environment SSH_AUTH_SOCK=/tmp/tester-agent
        new_project day_1 AgentForward=yes Clipboard=image 'AgentArguments=--dangerously-skip-permissions'
        claude-run start day_1
}

teardown_file() {
        claude-run stop day_1
        assert_nothing_left day_1
        systemctl --user unset-environment SSH_AUTH_SOCK WAYLAND_DISPLAY
        rm -rf "$CLIPBOARD"
        kill "$(<"$BATS_FILE_TMPDIR/agent")"
        rm -f "$HOME/.gitconfig"
        stop_api
}

teardown() {
        [ -n "${BATS_TEST_COMPLETED:-}" ] || journalctl --user --no-pager --since "@$BATS_TEST_STARTED" | tail -n 40
}

# The kernel's own way out of a lack of memory, without the minutes of one: it takes the process with the highest score.
run_out_of_memory() {
        guest sudo sh -c 'echo f >/proc/sysrq-trigger'
}

# A command in the guest that holds more memory than all else, and then makes this file.
hog() {
        echo "import time; l = bytearray(500 << 20); open('/work/$1', 'w').close(); time.sleep(300)"
}

guest() {
        claude-run exec day_1 -- "$@"
}

attach() {
        local steps=()
        while [ "$1" != -- ]; do
                steps+=("$1")
                shift
        done
        "$BATS_TEST_DIRNAME/in-terminal" "${steps[@]}" -- claude-run attach day_1
}

@test "AgentForward=: the agent and sessions sign with the keys of the host, and another master does, too" {
        # the agent starts beside this
        run -0 timeout 180 claude-run exec day_1 -- bash -c 'ssh-add -l; until pid=$(pgrep -u claude -o claude); do sleep 0.2; done; tr "\0" "\n" </proc/$pid/environ | grep ^SSH_AUTH_SOCK='
        [[ "${lines[0]}" = *" lent "* ]]
        [ "${lines[1]}" = SSH_AUTH_SOCK=/run/claude-vm/forward/ssh-agent ]
        # nobody else in the guest but root
        run ! guest sudo -u nobody env SSH_AUTH_SOCK=/run/claude-vm/forward/ssh-agent ssh-add -l
        systemctl --user kill --signal=KILL claude-vm-ssh@day_1
        timeout 180 bash -c 'until claude-run exec day_1 -- ssh-add -l; do sleep 0.2; done' | grep lent
        # the private half stays here
        run ! guest sh -c 'ssh-add -L | grep -q PRIVATE'
}

# --- the clipboard: fake-wl-paste gives out what is in this directory -------------------------------

CLIPBOARD=~/fake-clipboard

# begin_clipboard: an empty one, and none of the questions asked that a guest may ask
begin_clipboard() {
        rm -rf $CLIPBOARD
        mkdir -p $CLIPBOARD/image $CLIPBOARD/text
        systemctl --user set-environment WAYLAND_DISPLAY=tests
        systemctl --user restart claude-vm-clipboard@day_1.service
        CLIPBOARD_CURSOR=$(journalctl --user --lines=0 --show-cursor | sed -n 's/^-- cursor: //p')
}

# asked: what the host's program was asked since then
asked() {
        journalctl --user --output=cat --identifier=fake-clipboard --after-cursor="$CLIPBOARD_CURSOR"
}

# make_png FILE BYTES: one of about so many, of noise
make_png() {
        python3 - "$1" "$2" <<-'PYTHON'
	import os, struct, sys, zlib
	def chunk(kind, data):
	    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
	width, height = 1000, max(1, int(sys.argv[2]) // 3001)
	pixels = b"".join(b"\0" + os.urandom(3 * width) for _ in range(height))
	with open(sys.argv[1], "wb") as file:
	    file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
	               + chunk(b"IDAT", zlib.compress(pixels, 0)) + chunk(b"IEND", b""))
	PYTHON
}

# in_terminal_of_guest SCRIPT: as a person in a session
in_terminal_of_guest() {
        printf '%s\n' "$1" >"$(project_dir day_1)/script"
        "$BATS_TEST_DIRNAME/in-terminal" -- claude-run exec -t day_1 -- bash script | tr -d '\r' |
                # how claude-run leaves a terminal
                sed "/$(printf '\033')/d"
}

@test "Clipboard=image: xclip and wl-paste of the guest have the image of the host's clipboard, and no text" {
        local sum
        begin_clipboard
        make_png $CLIPBOARD/image/png 3000000
        echo secret >$CLIPBOARD/text/plain
        sum=$(sha256sum <$CLIPBOARD/image/png)
        run -0 in_terminal_of_guest 'xclip -selection clipboard -o -t TARGETS; xclip -selection clipboard -o -t image/png | sha256sum
                wl-paste --list-types; wl-paste --type image/png | sha256sum; wl-paste; echo $?; xclip -selection clipboard -o; echo $?
                xclip -o -t image/png; echo hello | xclip -selection clipboard -i; wl-paste --type text/plain; echo $?'
        [ "${lines[0]}" = image/png ]
        [ "${lines[1]}" = "$sum" ]
        [ "${lines[2]}" = image/png ]
        [ "${lines[3]}" = "$sum" ]
        [ "$(grep -c 'only images can be read' <<<"$output")" = 5 ]
        [[ "$output" != *secret* ]]
        # and no question of its own gets to the host
        [ "$(asked | sort -u)" = $'wl-paste --list-types\nwl-paste --no-newline --type image/png' ]
        wait_journal claude-vm-clipboard@day_1.service "The guest has the image of the clipboard: 1000 by 999 pixels, $(stat --format=%s $CLIPBOARD/image/png) bytes"
        run -0 claude-run logs day_1 --since=today
        [[ "$output" = *"The guest has the image of the clipboard"* ]]
}

@test "a clipboard with text, with nothing or with another image has nothing for the guest" {
        begin_clipboard
        echo secret >$CLIPBOARD/text/plain
        echo jpeg >$CLIPBOARD/image/jpeg
        run -0 in_terminal_of_guest 'xclip -selection clipboard -o -t TARGETS; echo $?; wl-paste --list-types; echo $?
                xclip -selection clipboard -o -t image/png | wc -c; wl-paste -t image/png | wc -c'
        [ "$output" = "TARGETS
0
wl-paste: There is no image/png in the clipboard
1
xclip: Error: target image/png not available
0
wl-paste: There is no image/png in the clipboard
0" ]
}

@test "what is too large, no PNG or too slow is refused and logged, and what follows a PNG stays here" {
        begin_clipboard
        make_png $CLIPBOARD/image/png 17000000
        run -0 in_terminal_of_guest 'xclip -selection clipboard -o -t image/png | wc -c'
        [ "$output" = $'xclip: no clipboard: the image is larger than 16 MiB\n0' ]
        wait_journal claude-vm-clipboard@day_1.service 'the image is larger than 16 MiB'
        echo secret >$CLIPBOARD/image/png
        run -0 in_terminal_of_guest 'wl-paste --type image/png | wc -c'
        [ "$output" = "wl-paste: no clipboard: what the host's clipboard has as a PNG is none"$'\n0' ]
        make_png $CLIPBOARD/image/png 3000
        cp $CLIPBOARD/image/png "$BATS_TEST_TMPDIR/alone"
        echo secret >>$CLIPBOARD/image/png
        run -0 in_terminal_of_guest 'wl-paste --type image/png | sha256sum'
        [ "$output" = "$(sha256sum <"$BATS_TEST_TMPDIR/alone")" ]
        touch $CLIPBOARD/hangs
        run -0 in_terminal_of_guest 'xclip -selection clipboard -o -t TARGETS; echo $?'
        [ "$output" = "xclip: no clipboard: the host's clipboard did not answer in time"$'\n1' ]
        # nor does anything stay that hangs
        run -1 pgrep --full '^sleep 1000'
}

@test "a guest that nobody looks at is told nothing of the clipboard" {
        begin_clipboard
        make_png $CLIPBOARD/image/png 3000
        run -1 --separate-stderr guest xclip -selection clipboard -o -t TARGETS
        [ "$output" = "" ]
        [ "$stderr" = "xclip: no clipboard: only while a terminal of claude-run is open in this VM" ]
        [ "$(asked)" = "" ]
        wait_journal claude-vm-clipboard@day_1.service 'only while a terminal of claude-run is open'
}

# Sets the guest's clock back by an hour, once.
stop_clock() {
        [ ! -e "$BATS_FILE_TMPDIR/clock" ] || return 0
        guest sudo date --set='-1 hour'
        touch "$BATS_FILE_TMPDIR/clock"
}

@test "a guest that floods the clipboard is refused, and the clipboard is there again afterwards" {
        begin_clipboard
        make_png $CLIPBOARD/image/png 12000000
        # for the test of the clock: its wait is over by the end of this one
        stop_clock
        # silent, without an end, and one that does not read what it gets
        run -0 in_terminal_of_guest 'python3 - <<END
import socket
kept = []
def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(100)
    s.connect("/run/claude-vm/forward/clipboard")
    kept.append(s)
    return s
connect().sendall(b"image\\n")
for i in range(6):
    try:
        connect().sendall(b"x" * 4000000 if i % 2 else b"")
    except OSError:
        pass
last = b""
while b"refused more than" not in last:
    try:
        s = connect()
        s.sendall(b"types\\n")
        last = s.recv(200)
    except OSError:
        pass
print(last.decode())
END'
        [[ "$output" = *"refused more than 10 questions in ten seconds, or 120 in an hour"* ]]
        # once, after the answer
        wait_journal claude-vm-clipboard@day_1.service 'asks for the clipboard more than'
        [ "$(journalctl --user --output=cat --unit claude-vm-clipboard@day_1.service --since "@$BATS_TEST_STARTED" | grep -c 'asks for the clipboard more than')" = 1 ]
        # on a slow machine it is the hour that ends it
        [ "$(asked | grep -c .)" -le 121 ]
        # whoever dies
        systemctl --user kill --signal=KILL claude-vm-clipboard@day_1.service
        wait_journal claude-vm-clipboard@day_1.service 'killed'
        systemctl --user kill --signal=KILL claude-vm-ssh@day_1
        timeout 180 bash -c 'until claude-run exec day_1 -- true; do sleep 0.2; done'
        run -0 in_terminal_of_guest 'xclip -selection clipboard -o -t image/png | sha256sum'
        [ "$output" = "$(sha256sum <$CLIPBOARD/image/png)" ]
}

@test "the guest's name is the VM's, and resolves" {
        [ "$(guest hostname)" = day-1 ]
        [ "$(guest hostname -f)" = day-1 ]
        run -0 --separate-stderr guest sudo true
        [ "$stderr" = "" ]
        guest python3 -c 'import socket; socket.gethostbyname(socket.gethostname())'
}

@test "the host's locale makes no warnings, whatever it is" {
        LC_ALL=en_US.UTF-8 run -0 guest bash -c 'echo "$LANG"; locale charmap'
        [ "$output" = $'C.UTF-8\nUTF-8' ]
        LANG=de_DE.UTF-8 LC_TIME=nonsense run -0 guest perl -e 'print "well"'
        [ "$output" = well ]
}

@test "terminals of today are known, and others are like xterm" {
        local terminal
        for terminal in xterm-kitty foot alacritty wezterm xterm-ghostty tmux-256color screen-256color linux nonsense; do
                TERM=$terminal run -0 --separate-stderr script -qec 'claude-run exec -t day_1 -- sh -c "tput colors; tput clear >/dev/null && echo cleared"' /dev/null
                [[ "$output" = *cleared* ]] || { echo "$terminal: $output"; return 1; }
                [[ "$output" = *256* || $terminal = linux ]]
        done
        # one that is known keeps its name
        TERM=foot run -0 script -qec 'claude-run exec -t day_1 -- sh -c "echo =\$TERM="' /dev/null
        [[ "$output" = *=foot=* ]]
}

@test "git has the host's name and address, and nothing else of it" {
        [ "$(guest git config user.name)" = 'Tester "T" \ é' ]
        [ "$(guest git config user.email)" = tester@example.org ]
        run -1 guest git config alias.evil
        run -1 guest git config credential.helper
        guest bash -c 'rm -rf g && git init -q g && cd g && echo a >a && git add a && git commit -qm one'
        [ "$(git -C "$(project_dir day_1)/g" -c safe.directory='*' log --format=%ae)" = tester@example.org ]
}

@test "the time zone is the host's" {
        # tests/stages/install has set another than the guest's own
        [ "$(date +%Z)" != UTC ]
        [ "$(guest date +%Z%z)" = "$(date +%Z%z)" ]
        [ "$(guest readlink /etc/localtime)" = "/usr/share/zoneinfo/$(readlink /etc/localtime | sed 's|.*/zoneinfo/||')" ]
}

@test "the clock is one that loses no time under emulation" {
        [ "$(guest cat /sys/devices/system/clocksource/clocksource0/current_clocksource)" = tsc ]
}

# Microseconds from the host's clock to the guest's, asked for in between.
clock_offset() {
        local before=${EPOCHREALTIME/./} there
        there=$(guest bash -c 'echo "${EPOCHREALTIME/./}"')
        echo $((there - (before + ${EPOCHREALTIME/./}) / 2))
}

@test "the clock is the host's within a second, and again after it has stood still" {
        local offset limit=$((SECONDS + 180))
        stop_clock
        while offset=$(clock_offset) && ((offset < -1000000)); do
                ((SECONDS < limit))
                sleep 2
        done
        ((offset < 1000000))
}

@test "Python does not compile its library at each start" {
        run -0 guest python3 -v -ISc 'import re'
        [[ "$output" = *"code object from"*pyc* ]]
        run ! grep --quiet 'bytecode is stale' <<<"$output"
}

@test "what a tool installs in the home is found, by sessions, shells and the agent" {
        guest sh -c 'mkdir -p ~/.local/bin && printf "#!/bin/sh\necho found\n" >~/.local/bin/own-tool && chmod +x ~/.local/bin/own-tool'
        [ "$(guest own-tool)" = found ]
        [ "$(guest bash -lc own-tool)" = found ]
        [ "$(guest sh -c 'tr "\0" "\n" </proc/$(cat /run/claude-vm/agent/pid)/environ' | grep ^PATH= | cut -d: -f1)" = PATH=/home/claude/.local/bin ]
}

@test "a session's command that is killed for memory is the only one" {
        local other
        guest sh -c 'until [ -e /work/killed ]; do sleep 0.2; done; echo alive' >"$BATS_TEST_TMPDIR/other" 3>&- 4>&- &
        other=$!
        guest python3 -c "$(hog hog-1)" >"$BATS_TEST_TMPDIR/hog" 2>&1 3>&- 4>&- &
        local hog=$!
        wait_file "$(project_dir day_1)/hog-1"
        run_out_of_memory
        # ssh's own word for a signal
        local status=0
        wait $hog || status=$?
        [ $status = 255 ]
        touch "$(project_dir day_1)/killed"
        wait $other
        [ "$(cat "$BATS_TEST_TMPDIR/other")" = alive ]
        [ "$(vm_property day_1 ActiveState)" = active ]
}

@test "the agent's command that is killed for memory does not end the agent" {
        hog hog-2 >"$(project_dir day_1)/hog.py"
        attach 'expect:bypass permissions' 'send:run: python3 /work/hog.py; echo "rc $?" >/work/hogged' 'expect:hogged' 'send:\r' \
                'expect:Done' 'send:\x1c' -- >"$BATS_TEST_TMPDIR/viewer" 2>&1 3>&- 4>&- &
        local viewer=$!
        wait_file "$(project_dir day_1)/hog-2"
        run_out_of_memory
        wait $viewer
        grep --quiet 'rc 137' "$(project_dir day_1)/hogged"
        [ "$(vm_property day_1 ActiveState)" = active ]
        # the agent is the last that the kernel takes, its commands are like all else
        [ "$(guest sh -c 'cat /proc/$(cat /run/claude-vm/agent/pid)/oom_score_adj')" = -500 ]
}

@test "a viewer that comes later gets the modes that the agent has set" {
        run -0 attach 'expect:bypass permissions' 'send:\x1c' --
        [[ "$output" == *$'\e[?2004h'* ]]
        [[ "$output" == *$'\e[?1004h'* ]]
        [[ "$output" == *"Detached; the agent goes on"* ]]
}

@test "Ctrl-\\ detaches in terminals that encode keys, and pasted it is text" {
        local key
        for key in '\x1b[92;5u' '\x1b[92;69u' '\x1b[92::124;6:1u' '\x1b[27;5;92~'; do
                run -0 attach 'expect:bypass permissions' "send:$key" --
                [[ "$output" == *"Detached; the agent goes on"* ]]
        done
        run -0 attach 'expect:bypass permissions' 'send:\x1b[200~one\x1ctwo\x1b[201~' 'expect:two' 'send:\x15\x1c' --
}

@test "Ctrl+V pastes the image of the clipboard into the agent" {
        begin_clipboard
        make_png $CLIPBOARD/image/png 30000
        # The agent gives a slow clipboard up. Ctrl+C empties the prompt for who comes next
        run -0 attach 'expect:bypass permissions' 'insist:\x16' 'expect:Image\S*#1' 'send:\x03' 'send:\x1c' --
        wait_journal claude-vm-clipboard@day_1.service 'The guest has the image of the clipboard'
}

@test "an agent that is killed for memory says so, to its terminals too" {
        "$BATS_TEST_DIRNAME/in-terminal" 'expect:\\$ ' 'send:echo re\x27\x27ady\r' 'expect:ready' 'expect:agent of this VM has exited' -- \
                claude-run shell day_1 >"$BATS_TEST_TMPDIR/shell" 2>&1 3>&- 4>&- &
        local shell=$!
        timeout 180 grep --quiet --max-count=1 ready <(tail --follow=name --retry "$BATS_TEST_TMPDIR/shell" 2>/dev/null)
        guest sudo sh -c 'echo 1000 >/proc/$(cat /run/claude-vm/agent/pid)/oom_score_adj; echo f >/proc/sysrq-trigger' || true
        wait_inactive day_1
        [ "$(vm_property day_1 ExecMainStatus)" = 137 ]
        [[ "$(vm_property day_1 StatusText)" == *"The agent exited with status 137; the guest said last: "*"ran out of memory"* ]]
        wait $shell || true
        grep --quiet 'The agent of this VM has exited with status 137' "$BATS_TEST_TMPDIR/shell"
        systemctl --user reset-failed
}

@test "an agent that ends with an error leaves its last words in the journal and in the status" {
        new_project wrong AgentArguments=--no-such-option
        run ! run_vm wrong
        [[ "$(vm_property wrong StatusText)" == *"exited with status 1; the guest said last: "*"no-such-option"* ]]
        vm_journal wrong --since "@$BATS_TEST_STARTED" | grep --quiet "The agent's last screen: .*no-such-option"
        systemctl --user reset-failed
}
