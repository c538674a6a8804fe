#!/usr/bin/env bats
# The user's command, with a terminal (tmux) and without.

load common

# terminal NAME: a tmux session of 100x30 in the project's directory
terminal() {
        # without the descriptors of bats, which waits for their end
        tmux new-session -d -s "$1" -x 100 -y 30 -c "$(project_dir "$1")" 'bash --norc' 3>&- 4>&-
}

teardown() {
        tmux kill-server 2>/dev/null || true
        common_teardown
}

screen() {
        tmux capture-pane -p -t "$1"
}

# Waits for a text on the screen: tmux hands each change to a pipe.
wait_screen() {
        local deadline=$((SECONDS + 60))
        until screen "$1" | grep --quiet -e "$2"; do
                [ $SECONDS -lt $deadline ] || { screen "$1"; return 1; }
                sleep 0.3
        done
}

@test "claude-run in a project directory: start, attach, resize, detach, attach again, exit" {
        new_project tui 'AgentArguments=--dangerously-skip-permissions'
        terminal tui
        tmux send-keys -t tui 'claude-run; echo status=$?' Enter
        wait_screen tui 'The guest boots'
        wait_screen tui 'bypass permissions on'
        tmux send-keys -t tui 'write: tui.txt typed'
        sleep 1
        tmux send-keys -t tui Enter
        wait_screen tui 'Done: File created'
        [ "$(cat "$(project_dir tui)/tui.txt")" = typed ]

        tmux resize-window -t tui -x 80 -y 24
        wait_screen tui '^─\{80\}$'

        tmux send-keys -t tui 'C-\'
        wait_screen tui 'Detached; the agent goes on'
        wait_screen tui 'status=0'
        [ "$(vm_property tui ActiveState)" = active ]
        run ! grep --quiet 'dtach\|\[detached\]' <(screen tui)

        tmux send-keys -t tui 'clear; claude-run attach tui; echo status=$?' Enter
        wait_screen tui 'Done: File created'

        tmux send-keys -t tui '/exit'
        sleep 2
        tmux send-keys -t tui Enter
        wait_screen tui 'status=0'
        run ! grep --quiet 'dtach\|stty' <(screen tui)
        assert_nothing_left tui
}

@test "two viewers at once, of the same size, and one that only looks" {
        new_project two 'AgentArguments=--dangerously-skip-permissions'
        terminal two
        tmux send-keys -t two 'claude-run' Enter
        wait_screen two 'bypass permissions on'
        tmux new-session -d -s second -x 100 -y 30 'bash --norc' 3>&- 4>&-
        tmux send-keys -t second 'claude-run attach two' Enter
        wait_screen second 'bypass permissions on'
        tmux send-keys -t second 'typed in the second'
        wait_screen two 'typed in the second'
        tmux new-session -d -s look -x 120 -y 40 'bash --norc' 3>&- 4>&-
        tmux send-keys -t look 'claude-run attach --read-only two; echo status=$?' Enter
        wait_screen look 'typed in the second'
        [ "$(claude-run list --json | jq '.[] | select(.name == "two").viewers')" = 3 ]
        tmux send-keys -t look ' and in the third'
        sleep 2
        run ! grep --quiet 'and in the third' <(screen two)
        tmux send-keys -t look C-c
        wait_screen look 'status=0'
        run ! grep --quiet 'and in the third' <(screen look | tail -n 1)
        claude-run stop two
        assert_nothing_left two
}

@test "SIGTERM of claude-run and a dead VM give the terminal back" {
        new_project back 'AgentArguments=--dangerously-skip-permissions'
        terminal back
        tmux send-keys -t back 'stty -a >before; claude-run; echo status=$?; stty -a >after' Enter
        wait_screen back 'bypass permissions on'
        pkill -TERM -x claude-run
        wait_screen back 'status='
        timeout 10 bash -c 'until [ -s "$1" ]; do sleep 0.2; done' - "$(project_dir back)/after"
        cmp "$(project_dir back)/before" "$(project_dir back)/after"
        rm "$(project_dir back)/after"
        tmux send-keys -t back 'clear; claude-run; echo status=$?; stty -a >after' Enter
        wait_screen back 'bypass permissions on'
        pkill -KILL --full 'qemu-system.* -name claude-vm@back '
        wait_screen back 'status=70'
        timeout 10 bash -c 'until [ -s "$1" ]; do sleep 0.2; done' - "$(project_dir back)/after"
        cmp "$(project_dir back)/before" "$(project_dir back)/after"
        systemctl --user reset-failed
        assert_nothing_left back
}

@test "SIGKILL of the viewer leaves the agent alone" {
        new_project kill 'AgentArguments=--dangerously-skip-permissions'
        terminal kill
        tmux send-keys -t kill 'claude-run' Enter
        wait_screen kill 'bypass permissions on'
        pkill -KILL -x claude-run
        tmux kill-session -t kill
        [ "$(vm_property kill ActiveState)" = active ]
        terminal kill
        tmux send-keys -t kill 'claude-run' Enter
        wait_screen kill 'bypass permissions on'
        claude-run stop kill
        assert_nothing_left kill
}

@test "claude-run -- -p: plain pipes, the agent's status, and the VM stopped afterwards" {
        new_project pipe
        cd "$(project_dir pipe)"
        run -0 --separate-stderr bash -c 'echo "a question" | claude-run -- -p'
        [ "$output" = "You said: a question" ]
        assert_nothing_left pipe
}

@test "the nightly timer's service: a prompt on a project, and a failure that is told" {
        local examples=/usr/share/claude-microvm/examples/systemd
        run -0 systemd-analyze --user verify --recursive-errors=no $examples/claude-nightly@.timer $examples/claude-nightly@.service
        mkdir -p ~/.config/systemd/user
        cp $examples/* ~/.config/systemd/user/
        new_project night
        echo "what is new" >~/.config/claude-microvm/night.prompt
        run -0 systemctl --user start claude-nightly@night.service
        journalctl --user --output=cat --unit claude-nightly@night.service --since "@$BATS_TEST_STARTED" | grep 'You said: what is new'
        assert_nothing_left night
        run ! systemctl --user start claude-nightly@nobody.service
        wait_inactive '' claude-nightly-failed@nobody.service
        journalctl --user --output=cat --unit claude-nightly-failed@nobody.service --since "@$BATS_TEST_STARTED" | grep nobody
        rm ~/.config/systemd/user/claude-nightly* ~/.config/claude-microvm/night.prompt
        systemctl --user daemon-reload
}

@test "exec in a running VM: pipes, status, words as they are, both users" {
        new_project ex
        claude-run start ex
        run -0 claude-run exec ex -- printf '<%s>' "a b" "c'd" '$HOME' $'e\nf' '*'
        [ "$output" = "<a b><c'd><\$HOME><e"$'\n'"f><*>" ]
        run -7 claude-run exec ex -- sh -c 'exit 7'
        run -0 bash -c 'echo through | claude-run exec ex -- tr a-z A-Z'
        [ "$output" = THROUGH ]
        run -0 claude-run exec ex --user root -- id -u
        [ "$output" = 0 ]
        # by its UUID as well, and a running VM is left running
        run -0 claude-run exec "$(claude-run list --json | jq -r '.[] | select(.name == "ex").uuid')" -- pwd
        [ "$output" = /work ]
        [ "$(vm_property ex ActiveState)" = active ]
        claude-run stop ex
        assert_nothing_left ex
}

@test "Ctrl-C while the VM boots stops what it started" {
        new_project intr
        terminal intr
        tmux send-keys -t intr 'claude-run; echo status=$?' Enter
        wait_screen intr 'The guest boots'
        tmux send-keys -t intr C-c
        wait_screen intr 'status=130'
        assert_nothing_left intr
}

@test "a boot that fails: the reason and the guest's last words, not a hint where to look" {
        local image=$HOME/guests/broken
        mkdir -p "$image"
        cp --no-preserve=mode /var/lib/claude-microvm/guests/debian/{guest.json,cmdline,kernel} "$image"
        ln -sf /var/lib/claude-microvm/guests/debian/root.erofs "$image/root.erofs"
        # a kernel without its initrd finds no root file system
        head -c 512 /dev/zero >"$image/initrd"
        new_project boot '[VM]' "Guest=$image"
        run -75 claude-run start boot
        [[ "$output" == *"Failed to start 'boot'"* ]]
        # marked as the guest's
        [[ "$output" == *$'\n'"guest| "*"Kernel panic"* ]]
        rm -r "$image"
        systemctl --user reset-failed
        assert_nothing_left boot
}

@test "claude-run says what is wrong and what to do" {
        run -2 claude-run </dev/null
        [[ "$output" == *"needs one here"* ]]
        run -78 claude-run exec -- true
        [[ "$output" == *"no project has this directory"*"claude-run"* ]]
        run -2 claude-run --bogus
        [[ "$output" == *"--bogus"*"--help"* ]]
        run -2 claude-run attach 'a/b'
        run -78 claude-run start no-such-project
        [[ "$output" == *no-such-project.ini* ]]
        new_project notty
        cd "$(project_dir notty)"
        run -2 claude-run attach </dev/null
        [[ "$output" == *"needs one here"* ]]
        claude-run stop notty
}
