#!/usr/bin/env bats
# Suspend without being asked: at the end of the user's session and when the guest is idle; and onto a full disk. As root,
# who starts the user's manager anew and mounts a small disk; the VM is the user `tester`'s, one for all tests.

bats_require_minimum_version 1.5.0
load as-user

STATES=$USER_HOME/.local/state/claude-microvm/suspended
INI=$CONFIG/sleeper.ini
WORK=/tmp/sleeper

setup_file() {
        as_user mkdir -p "$CONFIG" $WORK $USER_HOME/homes/sleeper
        as_user tee "$INI" >/dev/null <<-INI
	[Project]
	WorkDirectory=$WORK
	Home=$USER_HOME/homes/sleeper
	AgentStart=session
	[VM]
	Memory=1G
	CPUs=1
	Accelerator=tcg
	Shutdown=suspend
	INI
        as_user claude-run start sleeper
        as_user claude-run exec sleeper -- sh -c 'echo first >/tmp/in-memory'
}

teardown_file() {
        as_user claude-run stop sleeper || true
        as_user claude-run forget --yes sleeper 2>/dev/null || true
        rm -rf "$INI" $WORK
        as_user systemctl --user daemon-reload
}

setup() {
        BATS_TEST_STARTED=$(date +%s)
}

teardown() {
        [ -n "${BATS_TEST_COMPLETED:-}" ] || journalctl --no-pager "_UID=$(id -u tester)" --since "@$BATS_TEST_STARTED" | tail -n 60
        umount "$STATES" 2>/dev/null || true
}

state() {
        as_user claude-run list --json | jq --raw-output '.[] | select(.name == "sleeper").state'
}

# What the guest has in memory is still there.
assert_same_guest() {
        run -0 as_user claude-run exec sleeper -- cat /tmp/in-memory
        [ "$output" = first ]
}

@test "a full disk: the VM goes on, nothing is left, and then there is room" {
        mount -t tmpfs -o size=20M,mode=0700,uid=1000,gid=1000 small "$STATES"
        run -1 as_user claude-run suspend sleeper
        [[ "$output" == *"VM 'sleeper' is not suspended: "*"No space left on device"*"; it goes on"* ]]
        [ "$(state)" = active ]
        [ -z "$(ls -A "$STATES")" ]
        # nor does QEMU hold it
        [ "$(df --output=used "$STATES" | tail -n 1)" -lt 1000 ]
        assert_same_guest
        umount "$STATES"
        as_user claude-run suspend sleeper
        [ "$(state)" = suspended ]
        as_user claude-run resume sleeper
        assert_same_guest
}

@test "the end of the session suspends it, a stop stops it" {
        systemctl restart "user@$(id -u tester).service"
        [ "$(state)" = suspended ]
        as_user systemctl --user start claude-vm@sleeper
        assert_same_guest
        as_user systemctl --user stop claude-vm@sleeper
        [ "$(state)" = inactive ]
}

@test "an idle VM is suspended, one with a session or with work is not" {
        sed -i '/^Shutdown=/s/.*/Idle=suspend:10s/' "$INI"
        as_user claude-run start sleeper
        as_user claude-run exec sleeper -- sleep 14
        [ "$(state)" = active ]
        # no session's: in a control group of its own
        as_user claude-run exec --user root --detach sleeper -- sh -c 'echo $$ >/sys/fs/cgroup/cgroup.procs
                timeout 14 sh -c "while :; do :; done"
                echo over >/work/over'
        as_user /src/tests/wait-inactive claude-vm@sleeper.service
        [ "$(state)" = suspended ]
        [ "$(cat $WORK/over)" = over ]
        run -0 journalctl --output=cat --no-pager "_UID=$(id -u tester)" --since "@$BATS_TEST_STARTED"
        [[ "$output" == *"The guest is idle: suspending it"* ]]
}
