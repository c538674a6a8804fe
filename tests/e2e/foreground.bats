#!/usr/bin/env bats
# claude-run --foreground: a VM without a service manager, in the cgroup of its caller.

load common

setup_file() {
        start_api
        new_project template
        rm ~/.config/claude-microvm/template.ini
        systemctl --user daemon-reload
        (umask 077 && echo sk-test-key >"$HOME/api-key")
}

setup() {
        BATS_TEST_STARTED=$(date +%s)
        DIRECTORY=$BATS_TEST_TMPDIR/directory
        # 18 bytes, as long as it may be: a socket's name with the longest tag is below it
        TMPDIR=$(mktemp --directory /tmp/job.XXXXXXXXX)
        export TMPDIR
        mkdir "$DIRECTORY"
        cd "$DIRECTORY"
        export CLAUDE_HOME=$HOME/homes/template ANTHROPIC_BASE_URL=http://10.0.2.2:$API_PORT
        # no bus and no session, as in a job
        JOB=(env -u DBUS_SESSION_BUS_ADDRESS -u XDG_RUNTIME_DIR claude-run --foreground --allow "host:$API_PORT"
                --memory 1G --cpus 1 --accelerator tcg --env "ANTHROPIC_BASE_URL=$ANTHROPIC_BASE_URL"
                --env CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1)
        LONG=(--env "$SMALL_AGENT" -- -p 'touch /work/begun; sleep 300')
        make_small_agent "$DIRECTORY"
}

teardown() {
        rm -rf "$TMPDIR"
        [ ! -e "$BATS_TEST_TMPDIR/far/pid" ] || kill "$(cat "$BATS_TEST_TMPDIR/far/pid")"
        rm -f ~/.ssh/config
        common_teardown
}

# Programs of VMs, whoever runs them.
programs() {
        pgrep --list-full --uid tester 'qemu-system|virtiofsd|pasta|dnsmasq|haproxy|claude-vm-helpe' || true
}

wait_qemu() {
        local deadline=$((SECONDS + 180))
        until pgrep --uid tester qemu-system >/dev/null; do
                [ $SECONDS -lt $deadline ] || return 1
                sleep 0.1
        done
}

# Another machine, which is this one: an sshd of this user's.
start_far() {
        local dir=$BATS_TEST_TMPDIR/far port=$((20000 + RANDOM % 10000))
        mkdir -p "$dir" ~/.ssh
        chmod 0700 ~/.ssh
        ssh-keygen -q -t ed25519 -N '' -f "$dir/host"
        ssh-keygen -q -t ed25519 -N '' -f "$dir/user"
        cp "$dir/user.pub" "$dir/authorized"
        cat >"$dir/sshd_config" <<-CONFIG
	Port $port
	ListenAddress 127.0.0.1
	HostKey $dir/host
	AuthorizedKeysFile $dir/authorized
	StrictModes no
	UsePAM no
	PidFile $dir/pid
	CONFIG
        cat >~/.ssh/config <<-CONFIG
	Host far
	  HostName 127.0.0.1
	  Port $port
	  IdentityFile $dir/user
	  StrictHostKeyChecking no
	  UserKnownHostsFile $dir/known
	  LogLevel ERROR
	CONFIG
        (exec 3>&- 4>&- && /usr/sbin/sshd -f "$dir/sshd_config" -E "$dir/log")
        # the environment of the session there is its own, so the settings are in the words
        FAR=(claude-run --host far "${JOB[@]:6}" --home "$CLAUDE_HOME")
}

# Waits for the end of a process that is no child.
wait_end() {
        timeout "$2" tail --pid="$1" --follow /dev/null
}

# assert_nothing [SECONDS]: nothing is left, or will be in a moment
assert_nothing() {
        local left pid deadline=$((SECONDS + ${1:-120}))
        for pid in $(programs | cut -d ' ' -f 1); do
                wait_end "$pid" $((deadline > SECONDS ? deadline - SECONDS : 1)) || true
        done
        left=$(programs; find "$TMPDIR" -mindepth 1)
        [ -z "$left" ] || { echo "left behind:" "$left"; return 1; }
}

@test "a job without a bus: the agent's answer, its file, and nothing left" {
        export ANTHROPIC_API_KEY=sk-test-key
        run -0 --separate-stderr "${JOB[@]}" --credential ANTHROPIC_API_KEY --clipboard image --env "$SMALL_AGENT" -- -p \
                'echo hello >hello.txt; curl --silent --max-time 60 --header "x-api-key: $ANTHROPIC_API_KEY" "$ANTHROPIC_BASE_URL/v1/messages" \
                        --data "{\"tools\":[{}],\"messages\":[{\"role\":\"user\",\"content\":\"a question\"}]}" | jq --raw-output ".content[0].text"' </dev/null
        [ "$output" = "You said: a question" ]
        [[ "$stderr" == *"Clipboard= does nothing in the foreground"* ]]
        [ "$(cat hello.txt)" = hello ]
        assert_nothing
        [ -z "$(systemctl --user list-units --plain --no-legend 'claude-vm*@????????-*')" ]
}

@test "on another machine: the question, the status of the agent, and the end of a lost connection" {
        start_far
        cd "$DIRECTORY"
        # in the same directory there, with words as they are
        run -1 --separate-stderr "${FAR[@]}" -- -p --no-such-option "it's \"one\" \$word" </dev/null
        [[ "$stderr" == *"unknown option '--no-such-option'"* ]]
        assert_nothing
        "${FAR[@]}" -- -p question </dev/null >"$BATS_TEST_TMPDIR/out" 3>&- 4>&- &
        local pid=$!
        wait_qemu
        kill -KILL "$pid"
        assert_nothing
}

# bats test_tags=no-vm
@test "on another machine: lists, statuses, a port and mistakes" {
        start_far
        cd "$DIRECTORY"
        run -0 claude-run --host far list --json
        [ "$output" = "[]" ] || jq . <<<"$output"
        run -0 claude-run --host=far --version
        run -78 claude-run --host far start no-such-project
        run -2 claude-run --host
        run -2 claude-run --host -oProxyCommand=false list
        run -2 claude-run list --host far
        [[ "$output" == *"--host stands first"* ]]
        run -255 claude-run --host nowhere.invalid list
}

@test "in the caller's cgroup; SIGKILL of claude-run ends all of it" {
        "${JOB[@]}" --credential ANTHROPIC_API_KEY="$HOME/api-key" "${LONG[@]}" </dev/null 3>&- 4>&- &
        local pid=$! qemu
        wait_file "$DIRECTORY/begun"
        qemu=$(pgrep --uid tester qemu-system)
        [ "$(cat "/proc/$qemu/cgroup")" = "$(cat /proc/self/cgroup)" ]
        run ! grep --recursive --quiet sk-test-key "$TMPDIR"
        kill -KILL "$pid"
        assert_nothing
}

@test "SIGTERM to every process: all is over in ten seconds, and no share was lost" {
        mkdir "$BATS_TEST_TMPDIR/shared"
        systemd-run --user --quiet --unit=step-$$ --property=Type=exec --property=KillMode=control-group --property=TimeoutStopSec=10 \
                --working-directory="$DIRECTORY" --setenv=TMPDIR --setenv=CLAUDE_HOME --setenv=ANTHROPIC_BASE_URL \
                --property=StandardInput=null --property=StandardError=file:"$BATS_TEST_TMPDIR/stderr" \
                "${JOB[@]}" --share "a_tag_of_16_char:$BATS_TEST_TMPDIR/shared:/opt/shared" \
                --credential ANTHROPIC_API_KEY="$HOME/api-key" "${LONG[@]}"
        wait_file "$DIRECTORY/begun"
        ls -d "$TMPDIR"/claude-fg.*/claude-vm-fs/*:a_tag_of_16_char.sock
        systemctl --user stop step-$$
        # systemd would have killed a claude-run that took longer, and that says nothing; and neither a lost share nor a lost network is the reason
        run -0 cat "$BATS_TEST_TMPDIR/stderr"
        echo "claude-run said: $output"
        [[ "$output" == "claude-run: VM '"*"': Stopped by SIGTERM" ]]
        assert_nothing 10
}

@test "the keeper is killed: the kernel ends the VM, and the next start removes the directory" {
        "${JOB[@]}" "${LONG[@]}" </dev/null 3>&- 4>&- &
        local pid=$!
        wait_qemu
        kill -STOP "$pid"
        kill -KILL "$(pgrep --parent "$pid" --exact claude-run)"
        kill -KILL "$pid"
        compgen -G "$TMPDIR/claude-fg.*"
        run -78 "${JOB[@]}" --memory much -- -p question
        assert_nothing
}

# bats test_tags=no-vm
@test "what needs a unit is refused, and a share of the private directory" {
        run -2 "${JOB[@]}"
        run -2 "${JOB[@]}" --detach -- -p question
        run -78 "${JOB[@]}" --dev-shell -- -p question
        [[ "$output" == *"DevShell= is not for --foreground"* ]]
        run -78 "${JOB[@]}" --publish 8080:80 -- -p question
        run -78 "${JOB[@]}" --directory "$TMPDIR" -- -p question
        [[ "$output" == *"holds the sockets of your session"* ]]
        assert_nothing
}
