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
        run ! grep --quiet 'dtach' <(screen tui)
        assert_nothing_left tui
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

@test "claude-run says what is wrong and what to do" {
        run -78 claude-run
        [[ "$output" == *"no project has the directory"*WorkDirectory=* ]]
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
