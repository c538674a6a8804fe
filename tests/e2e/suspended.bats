#!/usr/bin/env bats
# Suspend and resume, with the real agent in its terminal and a worker beside it: one VM for all tests, which goes from
# each to the next. ROUNDS= asks for more of them. A full disk, the end of the session and Idle= are in root/suspended.bats.

load common

STATES=$HOME/.local/state/claude-microvm/suspended
DISK=$HOME/.local/share/claude-microvm/disks/frozen.raw

setup_file() {
        start_api
        new_project frozen 'AgentArguments=--dangerously-skip-permissions' 'Protect=no' '[Network]' 'Publish=127.0.0.1:18093:8093'
        # a file system with file handles, as disks have; the one of the home here is an overlay
        WORK=$(mktemp -d /tmp/frozen-XXXXXX)
        export WORK
        sed -i "s|^WorkDirectory=.*|WorkDirectory=$WORK|; s|^Disk=no|Disk=1G|" ~/.config/claude-microvm/frozen.ini
        # the agent trusts the directory by its path
        sed -i "s|$(project_dir frozen)|$WORK|g" ~/homes/frozen/.claude.json
        write_worker >"$WORK/worker.py"
        systemctl --user daemon-reload
        claude-run start frozen
        claude-run exec --detach frozen -- python3 worker.py
        claude-run exec --detach frozen -- python3 -m http.server 8093
}

teardown_file() {
        claude-run stop frozen || true
        claude-run forget --yes frozen 2>/dev/null || true
        rm -rf "$WORK" ~/.config/claude-microvm/frozen.ini
        systemctl --user daemon-reload
        stop_api
}

teardown() {
        tmux kill-server 2>/dev/null || true
        [ -n "${BATS_TEST_COMPLETED:-}" ] || {
                claude-run list || true
                journalctl --user --no-pager --since "@$BATS_TEST_STARTED" | tail -n 60
        }
}

# Works with files in all the ways that a suspend could break, and writes a line each time.
write_worker() {
        cat <<-'PYTHON'
	import mmap, os, time
	directory = "/work/tree/below"
	os.makedirs(directory)
	os.chdir(directory)
	files = {}
	for name in "kept", "moved", "replaced", "deleted":
	    files[name] = open(f"/work/{name}", "w+b", buffering=0)
	    files[name].write(name.encode() * 10000)
	    files[name].seek(0)
	os.unlink("/work/deleted")
	mapped = open("/work/mapped", "w+b")
	mapped.truncate(4096)
	shared = mmap.mmap(mapped.fileno(), 4096)
	lines = open("/work/lines", "a", buffering=1)
	number = 0
	while True:
	    number += 1
	    shared[:8] = b"%08d" % number
	    shared.flush()
	    shared.seek(0)
	    said = [f"{number} {time.time():.0f} {int(shared.read(8))} {os.getcwd()}"]
	    for name, file in files.items():
	        try:
	            said.append(file.read(2).decode())
	        except OSError as error:
	            said.append(os.strerror(error.errno).replace(" ", "-"))
	    lines.write(" ".join(said) + "\n")
	    time.sleep(0.2)
	PYTHON
}

# A line that the worker writes from now on, once the VM runs.
worker_line() {
        timeout 180 tail --lines=0 --follow "$WORK/lines" | sed --quiet '2{p;q}'
}

assert_works() {
        local number now mapped directory drift
        read -r number now mapped directory READ < <(worker_line)
        drift=$((now - $(date +%s)))
        echo "line $number, mapped $mapped, $drift s, $directory: $READ"
        [ "$mapped" = "$number" ]
        [[ "$directory" = */tree/below ]]
        # a loaded machine reads a line late
        ((drift <= 1 && drift >= -5))
}

# The ssh master follows the VM.
assert_served() {
        curl --silent --fail --retry 180 --retry-connrefused --retry-delay 1 --retry-max-time 180 --max-time 40 --output /dev/null "http://127.0.0.1:$1/"
}

state() {
        claude-run list --json | jq --raw-output ".[] | select(.name == \"frozen\") | .$1"
}

@test "rounds: the agent, a worker, its files and its mapping, a published port and the clock go on" {
        local i before
        terminal frozen
        tmux send-keys -t frozen "claude-run attach frozen" Enter
        wait_agent frozen ready
        for ((i = 1; i <= ${ROUNDS:-2}; i++)); do
                before=$(tail -n 1 "$WORK/lines" | cut -d ' ' -f 1)
                run -0 claude-run suspend frozen
                [[ "$output" = "VM 'frozen' is suspended since "*"M on the disk. To go on: claude-run resume frozen" ]]
                wait_screen frozen "VM 'frozen' is suspended since "
                [ "$(state state)" = suspended ]
                [ "$(state suspendedBytes)" -gt 50000000 ]
                [ "$(state suspendedSinceUSec)" -gt 0 ]
                [ "$(stat --format %a "$STATES/frozen" "$STATES/frozen/memory" | tr '\n' ' ')" = '700 600 ' ]
                [[ "$(claude-run list)" == *"frozen               suspended "*"suspended since "*"M on the disk; to go on: claude-run resume frozen"* ]]
                # the state is used up by the start, whoever it is
                case $((i % 3)) in
                0) systemctl --user start claude-vm@frozen ;;
                1) tmux send-keys -t frozen "clear" Enter "claude-run attach frozen" Enter && wait_agent frozen ready ;;
                2) claude-run resume frozen ;;
                esac
                [ ! -e "$STATES/frozen" ]
                assert_works
                [ "$(tail -n 1 "$WORK/lines" | cut -d ' ' -f 1)" -lt $((before + 500)) ]
                assert_served 18093
        done
        # the agent works, over the proxy with its placeholder
        tmux send-keys -t frozen "clear" Enter "claude-run attach frozen" Enter
        wait_agent frozen ready
        tmux send-keys -t frozen 'write: made.txt after-all' Enter
        wait_agent frozen wrote
        [ "$(cat "$WORK/made.txt")" = after-all ]
}

@test "the guest has new random numbers, no session of before, and no refusal in the journal" {
        run -0 --separate-stderr claude-run exec frozen -- sh -c 'pgrep --count --full "^sshd(-session)?: claude "'
        [ "$output" -le 2 ]
        run ! grep --quiet 'Refused the guest the host' <(journalctl --user --output=cat --since "@$BATS_TEST_STARTED" --unit 'claude-vm-net@frozen')
}

@test "files that were moved, replaced or deleted meanwhile are an error of their own, and no other file's data" {
        assert_works
        [ "$READ" = 'ke mo re de' ] || [ "$READ" = 'pt ve pl le' ] || [[ "$READ" =~ ^[a-z]{2}\ [a-z]{2}\ [a-z]{2}\ [A-Za-z/-]+$ ]]
        claude-run suspend frozen
        mv "$WORK/moved" "$WORK/tree/moved"
        echo 'XXXXXXXXXXXXXXXX' >"$WORK/other" && mv "$WORK/other" "$WORK/replaced"
        claude-run resume frozen
        assert_works
        [[ "$READ" =~ ^[kept]{2}\ Input/output-error\ Input/output-error\ Input/output-error$ ]]
        run -0 claude-run exec frozen -- cat replaced tree/moved
        [[ "$output" = XXXXXXXXXXXXXXXX*movedmoved* ]]
}

# refused STATUS: a start that fails, and the end of the network that it had
refused() {
        run "-$1" claude-run start frozen
        wait_inactive frozen claude-vm-net@frozen.service
}

@test "what has changed is named, and nothing is lost" {
        claude-run ports frozen add 18095:8093
        claude-run suspend frozen
        sed -i 's/10/11/' "$STATES/frozen/qemu"
        refused 78
        [[ "$output" == *"The VM is suspended and cannot be resumed: QEMU was 11."*" and is 10."*"claude-run forget frozen"* ]]
        sed -i 's/11/10/' "$STATES/frozen/qemu"
        sed -i 's/^Memory=.*/Memory=1G/' ~/.config/claude-microvm/frozen.ini
        refused 78
        [[ "$output" == *"it was suspended with 'Memory 1536' and would have 'Memory 1024' now"* ]]
        sed -i 's/^Memory=.*/Memory=1536M/' ~/.config/claude-microvm/frozen.ini
        # as another start would leave it
        touch --reference="$DISK" "$WORK/times"
        touch "$DISK"
        refused 78
        [[ "$output" == *"it was suspended with 'disk "*" and would have 'disk "* ]]
        touch --reference="$WORK/times" "$DISK"
        # what QEMU itself does not take
        mv "$STATES/frozen/memory" "$WORK/memory"
        echo garbage >"$STATES/frozen/memory"
        refused 70
        [[ "$output" == *"could not be resumed: QEMU exited with status 1"*"load of migration failed"* ]]
        mv "$WORK/memory" "$STATES/frozen/memory"
        # a setting of today: the network's rules are made anew
        sed -i 's/^Publish=.*/Publish=127.0.0.1:18094:8093/' ~/.config/claude-microvm/frozen.ini
        claude-run rename frozen thawed
        [ ! -e "$STATES/frozen" ]
        [ -e "$STATES/thawed" ]
        claude-run rename thawed frozen
        claude-run resume frozen
        assert_works
        assert_served 18094
        run -0 claude-run ports frozen
        [[ "$output" == *18094* && "$output" == *18095* && "$output" != *18093* ]]
}

@test "a suspend shows on a terminal how far it is" {
        claude-run exec frozen -- sh -c 'head --bytes=400M /dev/urandom >/dev/shm/filler'
        run -0 "$BATS_TEST_DIRNAME/in-terminal" "expect:frozen: Saves the guest's memory \\[[#.]+\\] \\d+ % \\d\\.\\d of \\d\\.\\d GiB, " -- claude-run suspend frozen
        [[ "$output" == *$'\r\e[K'"VM 'frozen' is suspended since "* ]]
        claude-run resume frozen
        claude-run exec frozen -- rm /dev/shm/filler
        assert_works
}

@test "SIGKILL at any moment: the VM is gone, or its state is there whole" {
        local i pid
        claude-run suspend frozen
        # before the guest goes on, the state stays
        for i in 0.05 0.2 0.4; do
                systemctl --user start --no-block claude-vm@frozen
                wait_journal frozen 'Starting claude-vm@frozen'
                sleep "$i"
                systemctl --user kill --signal=KILL claude-vm@frozen
                wait_inactive frozen
                wait_inactive frozen claude-vm-net@frozen.service
                systemctl --user reset-failed claude-vm@frozen
                [ "$(state state)" = suspended ]
        done
        claude-run resume frozen
        assert_works
        # while it is saved
        pid=$(vm_property frozen MainPID)
        claude-run suspend frozen 3>&- 4>&- &
        wait_journal frozen 'Saves the guest'
        kill -KILL "$pid"
        wait $! || true
        wait_inactive frozen
        [ ! -e "$STATES/.frozen" ]
        if [ -e "$STATES/frozen" ]; then
                # it was faster
                claude-run resume frozen
                assert_works
        else
                run -1 claude-run resume frozen
                [[ "$output" == *"VM 'frozen' is not suspended; to start it: claude-run start frozen"* ]]
        fi
}
