#!/usr/bin/env bats
# QEMU and ssh in the hands of a guest, in the real units: a program of ours is mounted over each and tries to get
# out. As root, who alone can put it there; the user is `tester`.

bats_require_minimum_version 1.5.0
load as-user

UNITS=$RUNTIME/systemd/user

new_project() {
        as_user mkdir -p "$USER_HOME/evil/$1" "$USER_HOME/homes/$1" "$CONFIG"
        as_user tee "$CONFIG/$1.ini" >/dev/null <<-INI
	[Project]
	WorkDirectory=$USER_HOME/evil/$1
	Home=$USER_HOME/homes/$1
	AgentStart=session
	[VM]
	Accelerator=tcg
	INI
}

# What a user has on a machine, and a guest wants.
make_targets() {
        as_user sh -c 'echo secret >~/evil-canary; echo secret >/tmp/evil-canary'
        as_user tmux new-session -d -s victim
        as_user ssh-agent -a /tmp/agent.sock >/dev/null
        as_user ssh-agent -a $USER_HOME/agent.sock >/dev/null
        as_user systemd-run --user --quiet --unit=evil-target \
                python3 -c 'import socket, time; s = socket.socket(socket.AF_UNIX); s.bind("\0abstract-canary"); s.listen(9); t = socket.socket(); t.setsockopt(1, 2, 1); t.bind(("127.0.0.1", 45871)); t.listen(9); time.sleep(900)' TARGET
        # what a desktop session imports
        as_user systemctl --user set-environment EVIL_TOKEN=secret SSH_AUTH_SOCK=/tmp/agent.sock
}

setup_file() {
        export QEMU
        QEMU=$(echo /usr/bin/qemu-system-"$(uname -m)")
        make_targets
        install -m 0755 "$BATS_TEST_DIRNAME/evil" /run/evil
        mount --bind /run/evil "$QEMU"
        new_project victim
        new_project evil
        as_user systemctl --user daemon-reload
        as_user systemctl --user start claude-vm@victim
}

# The false QEMU obeys nobody, so a stop alone takes all of its time limits.
end_vms() {
        as_user systemctl --user kill --signal=KILL "$1" 2>/dev/null || true
        as_user systemctl --user stop "$1"
}

teardown_file() {
        end_vms 'claude-vm@*.service'
        as_user systemctl --user stop evil-target
        umount "$QEMU"
        as_user systemctl --user unset-environment EVIL_TOKEN SSH_AUTH_SOCK
        as_user tmux kill-server
        pkill -u tester ssh-agent
        rm -rf /tmp/agent.sock "$USER_HOME"/{agent.sock,evil-canary,evil,homes/evil,homes/victim} /tmp/evil-canary "$CONFIG"/{victim,evil}.ini /run/evil
        as_user systemctl --user reset-failed
        as_user systemctl --user daemon-reload
}

setup() {
        BATS_TEST_STARTED=$(date +%s)
}

teardown() {
        [ -n "${BATS_TEST_COMPLETED:-}" ] || as_user journalctl --user --no-pager --since "@$BATS_TEST_STARTED" | tail -n 60
        end_vms claude-vm@evil.service
        rm -rf "$UNITS"/claude-vm*@evil.service.d
        as_user systemctl --user daemon-reload
        as_user systemctl --user reset-failed
}

journal() {
        as_user journalctl --user --no-pager --output=cat --unit="$1" --since="@$BATS_TEST_STARTED"
}

# wait_journal UNIT TEXT
wait_journal() {
        timeout 180 grep --quiet --max-count=1 -e "$2" \
                <(as_user journalctl --user --follow --lines=all --output=cat --unit="$1" --since="@$BATS_TEST_STARTED")
}

# unit_drop_in UNIT LINE…
unit_drop_in() {
        as_user mkdir -p "$UNITS/$1.d"
        as_user tee "$UNITS/$1.d/90-test.conf" >/dev/null <<<"$(printf '%s\n' '[Service]' "${@:2}")"
        as_user systemctl --user daemon-reload
}

# What the control has made.
remove_traces() {
        rm -f /tmp/evil /tmp/link /dev/shm/evil $RUNTIME/evil
}

@test "what an ordinary program of this user can do: the control" {
        remove_traces
        cd /tmp
        run -0 as_user /run/evil
        for what in "connect $RUNTIME/bus" "connect /tmp/tmux-1000/default" "connect /tmp/agent.sock" 'connect @abstract-canary' \
                "read $USER_HOME/evil-canary" "read $RUNTIME/claude-vm/victim/ssh.key" "connect $RUNTIME/claude-vm-fs/victim:work.sock" \
                "ask the network's holder, control" "ask the network's holder, ssh" "connect to this machine's loopback" "make /tmp/evil" "see another process" "signal another process" "send to $RUNTIME/systemd/notify"; do
                [[ "$output" == *"CAN $what"* ]] || { echo "the control cannot: $what"; false; }
        done
        remove_traces
}

@test "QEMU in a guest's hands gets nowhere" {
        as_user systemctl --user start claude-vm@evil
        wait_journal claude-vm@evil 'TRIED everything as qemu'
        run -1 grep '^CAN' <(journal claude-vm@evil)
}

@test "ssh in a guest's hands gets nowhere" {
        # claude-run's ssh is the same program, so the unit alone gets the false one
        mount --bind /run/evil /usr/bin/ssh
        as_user systemctl --user start claude-vm@evil || true
        wait_journal claude-vm-ssh@evil 'TRIED everything as ssh' || { umount /usr/bin/ssh; false; }
        umount /usr/bin/ssh
        run -1 grep '^CAN' <(journal claude-vm-ssh@evil)
}

@test "virtiofsd has nothing of the user's environment" {
        as_user systemctl --user start claude-vm@evil
        for unit in claude-vm-virtiofsd@victim:work claude-vm-virtiofsd@victim:home; do
                pid=$(as_user systemctl --user show --value --property=MainPID "$unit")
                [ "$pid" = 0 ] || run ! grep --quiet EVIL_TOKEN "/proc/$pid/environ"
        done
}

@test "a kernel without Landlock: the VM starts, and its journal says what is missing" {
        unit_drop_in claude-vm@evil.service 'SystemCallFilter=~@sandbox'
        as_user systemctl --user start claude-vm@evil
        wait_journal claude-vm@evil 'has no Landlock'
        # the root directory of its own is there all the same: what more it can is in its own directory, in a
        # namespace of its own, and by a name that is not in any directory
        run -1 grep --perl-regexp '^CAN (?!make evil$|make a link$|mount$|unmount$|connect @)' <(journal claude-vm@evil)
}

@test "a kernel without user namespaces: the VM does not start, and says what to do" {
        unit_drop_in claude-vm@evil.service 'RestrictNamespaces=yes'
        run ! as_user systemctl --user start claude-vm@evil
        run -0 as_user systemctl --user show --value --property=StatusText claude-vm@evil
        [[ "$output" == *"gives ordinary users no namespaces"*"claude-run doctor"* ]]
        run -0 as_user systemctl --user show --value --property=ExecMainStatus claude-vm@evil
        [ "$output" = 78 ]
}
