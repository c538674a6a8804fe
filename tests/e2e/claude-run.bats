#!/usr/bin/env bats
# The user's command, with a terminal (tmux) and without.

load common

# One VM with a terminal serves the tests that leave it running. Each of them starts it if it has to, so each
# can run alone.
setup_file() {
        start_api
        new_project tui 'AgentArguments=--dangerously-skip-permissions' DesktopNotice=yes
}

teardown_file() {
        systemctl --user stop claude-vm@tui
        stop_api
}

teardown() {
        tmux kill-server 2>/dev/null || true
        # after a failure nobody knows in what state the VM is
        [ -n "${BATS_TEST_COMPLETED:-}" ] || common_teardown
        systemctl --user reset-failed || true
}

# attach_terminal NAME [COMMAND]: a terminal with the agent of the VM in it
attach_terminal() {
        terminal "$1" "$(project_dir tui)"
        tmux send-keys -t "$1" "${2:-claude-run}" Enter
        wait_agent "$1" ready
}

# type_in TERMINAL TEXT: into the agent's input line, in place of what is there
type_in() {
        tmux send-keys -t "$1" C-u
        tmux send-keys -t "$1" "$2"
        wait_agent "$1" typed "$2"
}

@test "claude-run in a project directory: start, attach, resize, detach, attach again" {
        systemctl --user stop claude-vm@tui
        terminal tui "$(project_dir tui)"
        tmux send-keys -t tui 'claude-run; echo status=$?' Enter
        wait_screen tui 'The guest boots'
        wait_screen tui 'The agent starts'
        wait_agent tui ready
        run ! grep --quiet 'The agent starts' <(screen tui)
        wait_journal tui 'The agent has drawn its first frame'
        run -0 jq --raw-output '[.phases[].name, (.readyUSec > 0 and .readyUSec < .firstFrameUSec), .failedUSec] | join("|")' <(claude-run boot tui --json)
        [ "$output" = "network|helper|QEMU|kernel, initrd|guest's units|agent|true|" ]
        claude-run boot tui --svg "$BATS_TEST_TMPDIR/boot.svg"
        python3 -c 'import sys, xml.etree.ElementTree as tree; tree.parse(sys.argv[1])' "$BATS_TEST_TMPDIR/boot.svg"
        type_in tui 'write: tui.txt typed'
        tmux send-keys -t tui Enter
        wait_agent tui wrote
        [ "$(cat "$(project_dir tui)/tui.txt")" = typed ]

        tmux resize-window -t tui -x 80 -y 24
        wait_agent tui columns 80

        tmux send-keys -t tui 'C-\'
        wait_screen tui 'Detached; the agent goes on'
        wait_screen tui 'status=0'
        [ "$(vm_property tui ActiveState)" = active ]
        run ! grep --quiet 'dtach\|\[detached\]' <(screen tui)

        tmux send-keys -t tui 'clear; claude-run attach tui; echo status=$?' Enter
        wait_agent tui wrote
}

@test "two viewers at once, of the same size, and one that only looks" {
        attach_terminal two
        attach_terminal second 'claude-run attach tui'
        type_in second 'typed in the second'
        wait_agent two typed 'typed in the second'
        terminal look "$HOME" 120 40
        tmux send-keys -t look 'claude-run attach --read-only tui; echo status=$?' Enter
        wait_agent look typed 'typed in the second'
        [ "$(claude-run list --json | jq '.[] | select(.name == "tui").viewers')" = 3 ]
        # what is typed before Ctrl-C has been read when that has ended the viewer
        tmux send-keys -t look ' and in the third'
        tmux send-keys -t look C-c
        wait_screen look 'status=0'
        run ! grep --quiet 'and in the third' <(screen look | tail -n 1)
        # and a later key of another viewer's is on the screen without it
        tmux send-keys -t two ' after that'
        wait_agent two typed 'typed in the second after that'
}

@test "SIGTERM of claude-run gives the terminal back" {
        attach_terminal back 'stty -a >before; claude-run; echo status=$?; stty -a >after; echo after=$?'
        pkill -TERM -x claude-run
        wait_screen back 'status=143'
        wait_screen back 'after=0'
        cmp "$(project_dir tui)/before" "$(project_dir tui)/after"
        [ "$(vm_property tui ActiveState)" = active ]
}

@test "a session outlives its terminal with nohup" {
        claude-run start tui
        rm -f "$(project_dir tui)/hung-up"
        nohup claude-run exec tui -- sh -c 'touch /work/begun; sleep 3; touch /work/hung-up' >/dev/null 2>&1 3>&- 4>&- &
        wait_file "$(project_dir tui)/begun"
        # claude-run and its ssh
        kill -HUP $! && pkill -HUP --parent $!
        wait $!
        [ -e "$(project_dir tui)/hung-up" ]
        rm "$(project_dir tui)"/{begun,hung-up}
}

@test "SIGKILL of the viewer leaves the agent alone" {
        local before
        attach_terminal kill
        before=$(claude-run exec tui -- pgrep -f '^dtach -N')
        pkill -KILL -x claude-run
        tmux kill-session -t kill
        [ "$(vm_property tui ActiveState)" = active ]
        attach_terminal kill
        [ "$(claude-run exec tui -- pgrep -f '^dtach -N')" = "$before" ]
}

@test "exec in a running VM: pipes, status, words as they are, both users" {
        claude-run start tui
        run -0 claude-run exec tui -- printf '<%s>' "a b" "c'd" '$HOME' $'e\nf' '*'
        [ "$output" = "<a b><c'd><\$HOME><e"$'\n'"f><*>" ]
        run -7 claude-run exec tui -- sh -c 'exit 7'
        run -0 bash -c 'echo through | claude-run exec tui -- tr a-z A-Z'
        [ "$output" = THROUGH ]
        run -0 claude-run exec tui --user root -- id -u
        [ "$output" = 0 ]
        # by its UUID as well, and a running VM is left running
        run -0 claude-run exec "$(claude-run list --json | jq -r '.[] | select(.name == "tui").uuid')" -- pwd
        [ "$output" = "$(project_dir tui)" ]
        [ "$(vm_property tui ActiveState)" = active ]
}

@test "the agent's own exit ends the VM and gives the terminal back" {
        attach_terminal bye 'claude-run; echo status=$?'
        type_in bye /exit
        tmux send-keys -t bye Enter
        wait_screen bye 'status=0'
        run ! grep --quiet 'dtach\|stty' <(screen bye)
        assert_nothing_left tui
}

@test "a VM that dies gives the terminal back" {
        new_project dead '[Environment]' "$SMALL_AGENT"
        make_small_agent "$(project_dir dead)" 'echo drawn; sleep 600'
        terminal dead "$(project_dir dead)"
        tmux send-keys -t dead 'stty -a >before; claude-run; echo status=$?; stty -a >after; echo after=$?' Enter
        wait_screen dead drawn
        pkill -KILL --full 'qemu-system.* -name claude-vm@dead '
        wait_screen dead 'status=70'
        wait_screen dead 'after=0'
        cmp "$(project_dir dead)/before" "$(project_dir dead)/after"
        systemctl --user reset-failed
        assert_nothing_left dead
}

@test "claude-run -- -p: plain pipes, the agent's status, and the VM stopped afterwards" {
        new_project pipe '[Environment]' "$SMALL_AGENT"
        make_small_agent "$(project_dir pipe)"
        cd "$(project_dir pipe)"
        run -7 --separate-stderr bash -c 'echo "echo a question; exit 7" | claude-run -- -p'
        [ "$output" = "a question" ]
        assert_nothing_left pipe
}

@test "the nightly timer's service: a prompt on a project, and a failure that is told" {
        local examples=/usr/share/claude-microvm/examples/systemd
        run -0 systemd-analyze --user verify --recursive-errors=no $examples/claude-nightly@.timer $examples/claude-nightly@.service
        mkdir -p ~/.config/systemd/user
        cp $examples/* ~/.config/systemd/user/
        new_project night '[Environment]' "$SMALL_AGENT"
        make_small_agent "$(project_dir night)"
        echo "echo You said: what is new" >~/.config/claude-microvm/night.prompt
        run -0 systemctl --user start claude-nightly@night.service
        wait_journal claude-nightly@night.service 'You said: what is new'
        assert_nothing_left night
        run ! systemctl --user start claude-nightly@nobody.service
        # systemd starts it a moment later
        wait_journal claude-nightly-failed@nobody.service 'claude-nightly@nobody.service - Nightly prompt for nobody'
        rm ~/.config/systemd/user/claude-nightly* ~/.config/claude-microvm/night.prompt
        systemctl --user daemon-reload
}

@test "Ctrl-C while the VM boots stops what it started" {
        new_project intr
        terminal intr "$(project_dir intr)"
        tmux send-keys -t intr 'claude-run; echo status=$?' Enter
        wait_screen intr 'The guest boots'
        tmux send-keys -t intr C-c
        wait_screen intr 'status=130'
        assert_nothing_left intr
}

@test "Ctrl-C in a call that has joined a start leaves it to the other call" {
        local other
        new_project joined
        claude-run start joined 3>&- 4>&- &
        other=$!
        wait_journal joined 'Starting'
        terminal joined "$(project_dir joined)"
        tmux send-keys -t joined 'claude-run; echo status=$?' Enter
        wait_screen joined 'The guest boots'
        tmux send-keys -t joined C-c
        wait_screen joined 'status=130'
        wait $other
        [ "$(vm_property joined ActiveState)" = active ]
        claude-run stop joined
}

@test "a boot that fails: the reason and the guest's last words, not a hint where to look" {
        local image=$HOME/guests/broken
        mkdir -p "$image"
        cp --no-preserve=mode /var/lib/claude-microvm/guests/debian/{guest.json,cmdline,kernel} "$image"
        ln -sf /var/lib/claude-microvm/guests/debian/root.erofs "$image/root.erofs"
        # a kernel without its initrd finds no root file system
        head -c 512 /dev/zero >"$image/initrd"
        new_project panics '[VM]' "Guest=$image"
        run -75 claude-run start panics
        [[ "$output" == *"Failed to start 'panics'"* ]]
        # marked as the guest's
        [[ "$output" == *$'\n'"guest| "*"Kernel panic"* ]]
        # what the journal has a moment later
        wait_journal panics 'Failed with result'
        run -0 claude-run boot panics
        [[ "$output" == *": failed after "*$'\n'"QEMU "* && "$output" != *agent* ]]
        rm -r "$image"
        systemctl --user reset-failed
        assert_nothing_left panics
}

# wait_file_line FILE TEXT
wait_file_line() {
        timeout 240 grep --quiet --max-count=1 -e "$2" <(tail --lines=+1 --follow=name --retry "$1" 2>/dev/null) || { cat "$1"; return 1; }
}

@test "whether the agent works or waits: in a list that renews itself, in the status, on the desktop; then its end" {
        local bus=$BATS_TEST_TMPDIR/bus
        busctl --user monitor --match "interface='org.freedesktop.Notifications'" >"$bus" 2>&1 3>&- 4>&- &
        wait_file_line "$bus" Monitoring
        attach_terminal says
        terminal watch "$HOME" 80 12
        tmux send-keys -t watch 'claude-run list --watch; echo status=$?' Enter
        wait_screen watch '^[> ] tui .* active  *waiting '
        type_in says 'run: touch begun; while test ! -e go; do sleep 1; done'
        tmux send-keys -t says Enter
        wait_file "$(project_dir tui)/begun"
        wait_screen watch '^[> ] tui .* active  *working .* 1$'
        [ "$(claude-run list --json | jq --raw-output '.[] | select(.name == "tui") | "\(.agent) \(.agentSinceUSec > 0)"')" = "working true" ]
        [ "$(vm_property tui StatusText)" = "The agent works" ]

        # not while somebody looks
        tmux send-keys -t says 'C-\'
        wait_screen watch ' tui .* 0$'
        run ! grep --quiet tui "$bus"
        touch "$(project_dir tui)/go"
        wait_screen watch ' tui .* waiting '
        wait_file_line "$bus" 'STRING "tui: the agent waits for you"'

        local deadline=$((SECONDS + 180))
        until grep --quiet '^> tui ' <(screen watch); do
                [ $SECONDS -lt $deadline ]
                tmux send-keys -t watch Down
                sleep 0.2
        done
        tmux send-keys -t watch Enter
        wait_agent watch ready
        tmux send-keys -t watch 'C-\'
        wait_screen watch '^> tui .* active '
        tmux send-keys -t watch x
        wait_screen watch "^Stop 'tui'? What the agent does now ends. y/n"
        tmux send-keys -t watch n
        wait_screen watch 'Enter attach'
        tmux resize-window -t watch -x 40 -y 8
        wait_screen watch '^  NAME .* AGENT    U$'

        # of a session the desktop hears nothing, however it ends
        run -0 claude-run exec tui -- bash -c 'kill "$(</run/claude-vm/agent/pid)"'
        wait_file_line "$bus" 'STRING "tui: the agent has ended with status [0-9]*"'
        [ "$(grep --count 'STRING "tui' "$bus")" = 2 ]
        wait_screen watch '^> tui  *[a-z]* *-'
        tmux send-keys -t watch q
        wait_screen watch 'status=0'
        kill %?busctl
}

# bats test_tags=no-vm
@test "claude-run says what is wrong and what to do" {
        run -2 claude-run </dev/null
        [[ "$output" == *"needs one here"* ]]
        run -78 claude-run exec -- true
        [[ "$output" == *"no project has this directory"*"claude-run"* ]]
        run -2 claude-run --bogus
        [[ "$output" == *"--bogus"*"--help"* ]]
        run -2 claude-run attach 'a/b'
        run -2 claude-run list --watch </dev/null
        [[ "$output" == *"--watch needs a terminal"* ]]
        run -78 claude-run start no-such-project
        [[ "$output" == *no-such-project.ini* ]]
        run -78 claude-run changes no-such-project
        [[ "$output" == *"no project and no VM is called 'no-such-project'"* ]]
        run -78 claude-run changes 0b7c1f3e
        new_project notty
        run -0 claude-run changes notty
        [[ "$output" == "Nothing is known of 'notty': "* ]]
        claude-run changes notty --json | jq --exit-status '(.known or .complete) == false and .changes == []'
        cd "$(project_dir notty)"
        run -2 claude-run attach </dev/null
        [[ "$output" == *"needs one here"* ]]
        claude-run stop notty
}
