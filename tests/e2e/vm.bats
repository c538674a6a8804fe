#!/usr/bin/env bats
# The main job: a project's unit runs the real Claude Code in a real VM.

load common

# bats test_tags=other-user
@test "the agent makes a file in the project directory, owned by this user" {
        new_project one "AgentArguments=-p --dangerously-skip-permissions 'write: made.txt by the agent'" '[VM]' CPUs=2
        run -0 run_vm one
        [ "$(cat "$(project_dir one)/made.txt")" = "by the agent" ]
        [ "$(stat -c %u:%g "$(project_dir one)/made.txt")" = "$(id -u):$(id -g)" ]
        [ "$(vm_property one Result)" = success ]
        assert_nothing_left one
        # the key went to the API, and the journal has lines of the host and of the guest
        grep --quiet sk-test-key "$BATS_FILE_TMPDIR/api.log"
        vm_journal one | grep --quiet 'Done: File created'
        run ! grep --recursive --quiet sk-test-key <(vm_journal one)
}

@test "a second start after the first" {
        small_project again 'echo once more >>/work/log'
        run -0 run_vm again
        run -0 run_vm again
        [ "$(wc -l <"$(project_dir again)/log")" = 2 ]
        assert_nothing_left again
}

@test "two projects at once" {
        small_project left 'echo l >/work/left.txt'
        small_project right 'echo r >/work/right.txt'
        run_vm left &
        local left=$!
        run -0 run_vm right
        wait $left
        [ -e "$(project_dir left)/left.txt" ]
        [ -e "$(project_dir right)/right.txt" ]
        [ ! -e "$(project_dir left)/right.txt" ]
        assert_nothing_left left
        assert_nothing_left right
}

@test "READY means that the VM's unit is active, its shares mounted and sessions work" {
        new_project ready AgentStart=session
        systemctl --user start claude-vm@ready
        [ "$(vm_property ready ActiveState)" = active ]
        run -0 ssh -F "$XDG_RUNTIME_DIR/claude-vm/ready/ssh.config" claude-vm 'findmnt -no FSTYPE /work; id -u; pwd; touch /work/by-ssh'
        [ "${lines[0]}" = virtiofs ]
        [ "${lines[1]}" = 1000 ]
        [ "$(stat -c %u "$(project_dir ready)/by-ssh")" = "$(id -u)" ]
        systemctl --user stop claude-vm@ready
        [ "$(vm_property ready Result)" = success ]
        assert_nothing_left ready
}

@test "in the middle of the agent's work: an ini with a mistake and none at all end nothing, a stop does" {
        local ini=$HOME/.config/claude-microvm/mid.ini
        small_project mid 'touch /work/begun; sleep 300; touch /work/ended'
        systemctl --user start claude-vm@mid
        wait_file "$(project_dir mid)/begun"
        [ "$(vm_property mid NeedDaemonReload)" = no ]
        sed -i 's/^CPUs=1/CPUs=one/' "$ini"
        systemctl --user daemon-reload
        run -0 claude-run exec mid true
        rm "$ini"
        systemctl --user daemon-reload
        run -0 claude-run exec mid echo still there
        [ "$output" = "still there" ]
        [ "$(vm_property mid ActiveState)" = active ]
        run -0 systemctl --user stop claude-vm@mid
        [ "$(vm_property mid Result)" = success ]
        [ ! -e "$(project_dir mid)/ended" ]
        assert_nothing_left mid
}

@test "a guest that powers itself off ends the unit" {
        new_project off AgentStart=session
        systemctl --user start claude-vm@off
        run ssh -F "$XDG_RUNTIME_DIR/claude-vm/off/ssh.config" claude-vm sudo systemctl poweroff
        wait_inactive off
        [ "$(vm_property off Result)" = success ]
        assert_nothing_left off
}

@test "the agent's exit status is the unit's" {
        small_project seven 'exit 7'
        run run_vm seven
        [ "$(vm_property seven ExecMainStatus)" = 7 ]
        [ "$(vm_property seven Result)" = exit-code ]
        [[ "$(vm_property seven StatusText)" == *7* ]]
        assert_nothing_left seven
}

# bats test_tags=no-vm
@test "a missing work directory fails at once and starts nothing" {
        new_project gone
        rmdir "$(project_dir gone)"
        run ! systemctl --user start claude-vm@gone
        [ "$(vm_property gone ExecMainStatus)" = 78 ]
        [[ "$(vm_property gone StatusText)" == *projects/gone*"does not exist"* ]]
        systemctl --user reset-failed
        assert_nothing_left gone
}

# bats test_tags=no-vm
@test "an unknown project fails at once and names the ini" {
        run ! systemctl --user start claude-vm@nobody
        [ "$(vm_property nobody ExecMainStatus)" = 78 ]
        [[ "$(vm_property nobody StatusText)" == *nobody.ini* ]]
        systemctl --user reset-failed
        assert_nothing_left nobody
}

# bats test_tags=no-vm
@test "a missing guest image fails at once and says how to make one" {
        new_project noguest '[VM]' 'Guest=no-such-guest'
        run ! systemctl --user start claude-vm@noguest
        [ "$(vm_property noguest ExecMainStatus)" = 78 ]
        [[ "$(vm_property noguest StatusText)" == *no-such-guest*claude-vm-mkguest* ]]
        systemctl --user reset-failed
        assert_nothing_left noguest
}

# bats test_tags=no-vm
@test "a published port in use fails at once and says which" {
        new_project inuse '[Network]' "Publish=$API_PORT:80"
        run ! systemctl --user start claude-vm@inuse
        [ "$(vm_property inuse ExecMainStatus)" = 78 ]
        [[ "$(vm_property inuse StatusText)" == *"Publish=127.0.0.1:$API_PORT:80"*"in use"* ]]
        systemctl --user reset-failed
        assert_nothing_left inuse
}

# bats test_tags=no-vm
@test "a broken ini fails at once with file, line and value" {
        new_project broken '[VM]' 'CPUs=many'
        run ! systemctl --user start claude-vm@broken
        [ "$(vm_property broken ExecMainStatus)" = 78 ]
        [[ "$(vm_property broken StatusText)" =~ broken.ini:[0-9]+:.*many ]]
        run systemctl --user status claude-vm@broken
        [[ "$output" =~ broken.ini:[0-9]+:.*many ]]
        systemctl --user reset-failed
        assert_nothing_left broken
        rm ~/.config/claude-microvm/broken.ini
        systemctl --user daemon-reload
}

@test "an ini that was changed by hand counts at the next start, or there is no start" {
        local ini=$HOME/.config/claude-microvm/tight.ini
        new_project tight AgentStart=session
        # a unit that systemd has not loaded: it takes what it finds now for what it has read
        sed -i 's/1536M/1280M/' "$ini"
        printf '[Network]\nMode=none\n' >>"$ini"
        run ! systemctl --user start claude-vm@tight
        [ "$(vm_property tight ExecMainStatus)" = 78 ]
        [[ "$(vm_property tight StatusText)" == "'$ini' has changed since systemd read it: run systemctl --user daemon-reload, or start the VM with claude-run" ]]
        systemctl --user reset-failed

        run -0 claude-run start tight
        run -0 systemctl --user show --value --property=Environment claude-vm@tight
        [[ "$output" == *CLAUDE_VM_MEMORY_MIB=1280* && "$output" == *CLAUDE_VM_NETWORK=none* ]]
        run ! claude-run exec tight -- bash -c "timeout 5 bash -c '</dev/tcp/10.0.2.2/$API_PORT'"

        # the steps of a report: stopped, read again, changed, started
        claude-run stop tight
        systemctl --user reset-failed
        systemctl --user daemon-reload
        sed -i 's/1280M/1152M/' "$ini"
        run -0 claude-run start tight
        run -0 systemctl --user show --value --property=Environment claude-vm@tight
        [[ "$output" == *CLAUDE_VM_MEMORY_MIB=1152* ]]
        claude-run stop tight

        # a mistake that is put right, and a file that is gone
        echo 'Mode=nono' >>"$ini"
        run -78 claude-run start tight
        [[ "$output" == *nono* ]]
        sed -i '$d' "$ini"
        run ! systemctl --user start claude-vm@tight
        [[ "$(vm_property tight StatusText)" == *"has changed since systemd read it"* ]]
        systemctl --user daemon-reload
        rm "$ini"
        run ! systemctl --user start claude-vm@tight
        [[ "$(vm_property tight StatusText)" == *"is gone since systemd read it"* ]]
        systemctl --user daemon-reload
        systemctl --user reset-failed
}

@test "kill -9 of QEMU" {
        new_project kq AgentStart=session
        systemctl --user start claude-vm@kq
        pkill -KILL --full 'qemu-system.* -name claude-vm@kq '

        wait_inactive kq
        [ "$(vm_property kq ExecMainStatus)" = 70 ]
        [[ "$(vm_property kq StatusText)" == *QEMU*KILL* ]]
        systemctl --user reset-failed
        assert_nothing_left kq
}

@test "kill -9 of a virtiofsd" {
        new_project kv AgentStart=session
        systemctl --user start claude-vm@kv
        systemctl --user kill --signal=KILL claude-vm-virtiofsd@kv:work.service
        wait_inactive kv
        [ "$(vm_property kv ExecMainStatus)" = 74 ]
        [[ "$(vm_property kv StatusText)" == "Share 'work' died"* ]]
        systemctl --user reset-failed
        assert_nothing_left kv
}

@test "a virtiofsd that hangs ends with its VM, and the next start works" {
        new_project hung AgentStart=session
        systemctl --user start claude-vm@hung
        systemctl --user kill --signal=STOP claude-vm-virtiofsd@hung:work.service
        pkill -KILL --full 'qemu-system.* -name claude-vm@hung '
        wait_inactive hung claude-vm-virtiofsd@hung:work.service
        systemctl --user reset-failed
        assert_nothing_left hung
        systemctl --user start claude-vm@hung
        systemctl --user stop claude-vm@hung
        assert_nothing_left hung
}

@test "a virtiofsd that outlasts its VM: a start at once waits for its end" {
        local drop_in=$XDG_RUNTIME_DIR/systemd/user/claude-vm-virtiofsd@slow:work.service.d
        new_project slow AgentStart=session
        mkdir -p "$drop_in"
        printf '[Service]\nExecStopPost=/bin/sleep 3\n' >"$drop_in/50-slow.conf"
        systemctl --user daemon-reload
        systemctl --user start claude-vm@slow
        systemctl --user kill --signal=KILL --kill-whom=all claude-vm@slow
        wait_inactive slow
        [ "$(unit_property claude-vm-virtiofsd@slow:work.service ActiveState)" = deactivating ]
        systemctl --user reset-failed
        systemctl --user start claude-vm@slow
        rm -r "$drop_in"
        systemctl --user daemon-reload
        run -0 claude-run exec slow -- touch /work/made
        systemctl --user stop claude-vm@slow
        assert_nothing_left slow
}

@test "kill -9 of the helper" {
        new_project kh
        systemctl --user start claude-vm@kh
        kill -KILL "$(vm_property kh MainPID)"
        wait_inactive kh
        [ "$(vm_property kh Result)" = signal ]
        [[ "$(vm_property kh StatusText)" == *KILL* ]]
        systemctl --user reset-failed
        assert_nothing_left kh
}

@test "a project answers to its UUID" {
        local uuid limit
        new_project byuuid AgentStart=session
        uuid=$(/usr/lib/systemd/user-generators/claude-vm-generator --list | jq --raw-output '.[] | select(.name == "byuuid").uuid')
        # a limit of the other name, which is shorter than the start, ends nothing
        limit=$XDG_RUNTIME_DIR/systemd/user/claude-vm@$uuid.service.d
        mkdir -p "$limit"
        printf '[Service]\nTimeoutStartSec=5\n' >"$limit/limit.conf"
        systemctl --user daemon-reload
        systemctl --user start "claude-vm@$uuid"
        [ "$(vm_property byuuid ActiveState)" = active ]
        systemctl --user stop "claude-vm@$uuid"
        rm -r "$limit"
        systemctl --user daemon-reload
        wait_inactive byuuid
        assert_nothing_left byuuid
}

# bats test_tags=no-vm
@test "the installed units and the generator's output pass systemd-analyze verify" {
        local units=$BATS_TEST_TMPDIR/units
        new_project verify '[Service]' 'MemoryMax=3G'
        run -0 systemd-analyze --user verify --recursive-errors=no /usr/lib/systemd/user/claude-vm*@.s* /usr/lib/systemd/user/claude-mkguest.* \
                /usr/lib/systemd/user/app-claude.slice
        [ -z "$output" ]
        mkdir "$units"
        /usr/lib/systemd/user-generators/claude-vm-generator "$units"
        ln -s /usr/lib/systemd/user/claude-vm@.service "$units/claude-vm@verify.service"
        run -0 systemd-analyze --user verify --recursive-errors=no "$units/claude-vm@verify.service"
        [ -z "$output" ]
}
