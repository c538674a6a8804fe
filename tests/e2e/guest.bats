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
        new_project day_1 AgentForward=yes 'AgentArguments=--dangerously-skip-permissions'
        claude-run start day_1
}

teardown_file() {
        claude-run stop day_1
        systemctl --user unset-environment SSH_AUTH_SOCK
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
        local offset limit=$((SECONDS + 80))
        guest sudo date --set='-1 hour'
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
        guest sh -c 'sleep 20; echo alive' >"$BATS_TEST_TMPDIR/other" 3>&- 4>&- &
        other=$!
        guest python3 -c "$(hog hog-1)" >"$BATS_TEST_TMPDIR/hog" 2>&1 3>&- 4>&- &
        local hog=$!
        wait_file "$(project_dir day_1)/hog-1"
        run_out_of_memory
        # ssh's own word for a signal
        local status=0
        wait $hog || status=$?
        [ $status = 255 ]
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
