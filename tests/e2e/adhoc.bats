#!/usr/bin/env bats
# claude-run in a directory that no project has.

load common

setup() {
        BATS_TEST_STARTED=$(date +%s)
        # a home in which the first-run questions are answered, and a directory
        new_project template
        rm ~/.config/claude-microvm/template.ini
        systemctl --user daemon-reload
        DIRECTORY=$BATS_TEST_TMPDIR/directory
        mkdir "$DIRECTORY"
        sed -i "s|$(project_dir template)|$DIRECTORY|" ~/homes/template/.claude.json
        cd "$DIRECTORY"
        export CLAUDE_HOME=$HOME/homes/template ANTHROPIC_API_KEY=sk-test-key ANTHROPIC_BASE_URL=http://10.0.2.2:$API_PORT
        SETTINGS=(--allow "host:$API_PORT" --memory 1536M --cpus 1 --accelerator tcg --env ANTHROPIC_BASE_URL --env CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1)
        SMALL=("${SETTINGS[@]}" --env "$SMALL_AGENT")
        make_small_agent "$DIRECTORY"
}

teardown() {
        tmux kill-server 2>/dev/null || true
        common_teardown
}

ids() {
        claude-run list --json | jq --raw-output ".[] | select(.directory == \"$DIRECTORY\") | .name"
}

# Units of ad-hoc VMs that run, are about to, or have failed.
units_of_vms() {
        systemctl --user list-units --plain --no-legend 'claude-vm*@????????-*' | awk '{ print $1 }'
}

assert_no_vm() {
        local left units unit deadline=$((SECONDS + 180))
        # a unit that ends may be the reason for another one to begin
        while units=$(units_of_vms) && [ -n "$units" ]; do
                [ $SECONDS -lt $deadline ] || { echo "not gone: $units"; return 1; }
                for unit in $units; do
                        wait_inactive '' "$unit"
                done
        done
        left=$(find "$XDG_RUNTIME_DIR/claude-microvm/requests" "$XDG_RUNTIME_DIR/systemd/user" "$XDG_RUNTIME_DIR/claude-vm" \
                "$XDG_RUNTIME_DIR/claude-vm-fs" -mindepth 1 2>/dev/null || true; pgrep --list-full qemu-system || true)
        [ -z "$left" ] || { echo "left behind: $left"; return 1; }
}

@test "a question without a terminal: a fresh VM, the answer, and nothing left" {
        run -0 --separate-stderr bash -c 'echo "a question" | claude-run "$@" -- -p' - "${SETTINGS[@]}"
        [ "$output" = "You said: a question" ]
        assert_no_vm
        run ! grep --recursive --quiet sk-test-key <(journalctl --user --no-pager)
}

@test "two at once on one directory, and a file of each" {
        claude-run "${SMALL[@]}" -- -p 'echo a >/work/a.txt' 3>&- 4>&- &
        local other=$!
        claude-run "${SMALL[@]}" -- -p 'echo b >/work/b.txt'
        wait $other
        [ "$(cat a.txt b.txt)" = $'a\nb' ]
        assert_no_vm
}

@test "SIGKILL of claude-run: its VM ends, and nothing is left" {
        claude-run "${SMALL[@]}" -- -p 'touch /work/begun; sleep 300' 3>&- 4>&- &
        local pid=$!
        wait_file "$DIRECTORY/begun"
        # a reload in the middle does no harm
        systemctl --user daemon-reload
        kill -KILL $pid
        assert_no_vm
}

@test "a VM that dies below its agent: the reason, and a status that says so" {
        local said=$BATS_TEST_TMPDIR/said status=0
        claude-run "${SMALL[@]}" -- -p 'touch /work/begun; sleep 300' 2>"$said" 3>&- 4>&- &
        wait_file "$DIRECTORY/begun"
        pkill -KILL --full 'qemu-system.* -name claude-vm@'
        wait $! || status=$?
        [ "$status" = 70 ]
        grep --quiet "^claude-run: VM '.*' has ended: QEMU" "$said"
        systemctl --user reset-failed
        assert_no_vm
}

@test "SIGKILL of claude-run at any moment of the start leaves nothing" {
        local delay
        for delay in 0.01 0.03 0.06 0.1 0.2 0.4 0.8 1.6; do
                claude-run "${SETTINGS[@]}" -- -p question 3>&- 4>&- &
                sleep $delay
                kill -KILL $!
        done
        # what had not come as far as a unit is swept by the next one
        run -78 claude-run --memory much -- -p question
        assert_no_vm
}

# bats test_tags=no-vm
@test "a request whose claude-run died before the start is swept away" {
        local id=0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968 requests=$XDG_RUNTIME_DIR/claude-microvm/requests
        mkdir -p "$requests/$id.credentials"
        echo secret >"$requests/$id.credentials/ANTHROPIC_API_KEY"
        printf '[Project]\nWorkDirectory=%s\n' "$DIRECTORY" >"$requests/$id.ini"
        chmod 0600 "$requests/$id.ini"
        run -78 claude-run --memory much -- -p question
        [ ! -e "$requests/$id.ini" ]
        [ ! -e "$requests/$id.credentials" ]
}

# bats test_tags=no-vm
@test "a wrong setting is refused with its value, and starts nothing" {
        run -78 claude-run --memory 4X -- -p question
        [[ "$output" == "claude-run: --memory: Memory=4X: "*"like 4G" ]]
        run -78 claude-run --property MemroyMax=1G -- -p question
        [ "$output" = "claude-run: --property: MemroyMax=: unknown key in [Service]; did you mean MemoryMax=?" ]
        run -78 claude-run --publish 1:2:3 -- -p question
        [[ "$output" == *"Publish=1:2:3"* ]]
        run -2 claude-run --env NOT_SET_HERE -- -p question
        cd "$HOME"
        run -78 claude-run -- -p question
        [[ "$output" == *"home directory"* ]]
        assert_no_vm
}

@test "in the background, by the beginning of its name, and its journal when it has ended" {
        local id
        run -0 --separate-stderr claude-run "${SMALL[@]}" --detach -- -p 'touch /work/begun; while [ ! -e /work/go ]; do sleep 1; done'
        id=$output
        [[ "$stderr" == *"claude-run attach $id"* ]]
        wait_file "$DIRECTORY/begun"
        [ "$(claude-run exec "${id:0:8}" pwd)" = "$DIRECTORY" ]
        [[ "$(claude-run list)" == *$'\n'"${id:0:8} "* ]]
        [[ "$(claude-run list --brief)" == *"${id:0:8}             active"* ]]
        touch "$DIRECTORY/go"
        assert_no_vm
        [[ "$(claude-run logs -n 200)" == *"guest is ready"* ]]
        [[ "$(claude-run logs -n 200 "${id:0:8}")" == *"guest is ready"* ]]
        run -78 claude-run "${SETTINGS[@]}" --detach -- -p $'two\nlines'
        [[ "$output" == *"leave --detach out"* ]]
        assert_no_vm
}

@test "with a terminal: start, detach, find it again, exit; --name makes a project" {
        make_small_agent "$DIRECTORY" 'echo drawn; sleep 600'
        terminal adhoc "$DIRECTORY"
        tmux send-keys -t adhoc "claude-run ${SMALL[*]}; echo status=\$?" Enter
        wait_screen adhoc drawn
        tmux send-keys -t adhoc 'C-\'
        wait_screen adhoc 'status=0'
        [ "$(ids | wc -l)" = 1 ]
        run -0 claude-run exec -- pwd
        [ "$output" = "$DIRECTORY" ]
        claude-run stop
        assert_no_vm

        # what may stand in an ini once is there once
        make_small_agent "$DIRECTORY"
        mkdir -p "$BATS_TEST_TMPDIR/shared"
        run -3 claude-run --name made "${SMALL[@]}" --publish 18097:80 --share "shared:$BATS_TEST_TMPDIR/shared:/shared" -- -p 'exit 3' </dev/null
        grep --quiet "^WorkDirectory=$DIRECTORY" ~/.config/claude-microvm/made.ini
        rm ~/.config/claude-microvm/made.ini
}
