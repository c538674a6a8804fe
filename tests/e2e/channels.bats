#!/usr/bin/env bats
# A guest that sends what guests send, changed at random, through every channel at once for CHANNEL_SECONDS (10), with
# CHANNEL_SEED (1); and what that has found.

load common

teardown() {
        common_teardown
        rm -rf ~/.config/claude-microvm/channels.ini ~/beside "$(project_dir channels)"
        systemctl --user daemon-reload
}

# What serves the VM: a unit that has failed and come again has another process.
serving() {
        local unit
        for unit in claude-vm{,-net,-pasta,-dns,-proxy,-ssh}@channels.service claude-vm-virtiofsd@channels:{work,home}.service; do
                echo "$unit $(unit_property "$unit" ActiveState) $(unit_property "$unit" MainPID)"
        done
}

# Resident memory of the processes of ours that read what a guest writes, in KiB.
memory_of_readers() {
        local unit
        for unit in claude-vm{,-net}@channels.service; do
                awk '$1 == "VmRSS:" { print $2 }' "/proc/$(unit_property "$unit" MainPID)/status"
        done
}

@test "mutated traffic through every channel: whoever serves the VM goes on, and nothing unprintable gets through" {
        local before kib channel
        new_project channels 'AgentStart=session' 'Clipboard=image' '[Network]' 'Mode=allow' 'Allow=example.org'
        echo untouched >~/beside
        claude-run start channels
        # opens the ssh master's connection, and with it the clipboard's socket
        claude-run exec channels -- true
        before=$(serving)
        [[ "$before" != *inactive* && "$before" != *failed* ]]
        run -0 timeout 600 claude-run exec channels -- sudo python3 - "${CHANNEL_SEED:-1}" "${CHANNEL_SECONDS:-10}" <"$BATS_TEST_DIRNAME/mutate-traffic"
        echo "$output"
        for channel in notify control console frames names proxy clipboard files git; do
                [[ $'\n'"$output"$'\n' =~ $'\n'$channel\ [1-9][0-9]*$'\n' ]]
        done

        [ "$(serving)" = "$before" ] || { serving; return 1; }
        for kib in $(memory_of_readers); do
                echo "$kib KiB"
                [ "$kib" -lt 32768 ]
        done
        claude-run exec channels -- true
        assert_plain "$(claude-run list; claude-run network channels; vm_property channels StatusText)"
        systemctl --user stop claude-vm@channels
        assert_plain "$(journalctl --user --output=export --since "@$BATS_TEST_STARTED")"
        assert_nothing_left channels
        [ "$(cat ~/beside)" = untouched ]
}

# virtiofsd 1.13.2: the thread that serves the share panics, and the process goes on without it.
@test "a share that answers no more because of a guest ends the VM, and its status says why" {
        new_project channels 'AgentStart=session'
        claude-run start channels
        timeout 200 claude-run exec channels -- python3 -c 'import os; os.setxattr("/work", b"user.\xff", b"x")' || true
        wait_inactive channels
        [ "$(vm_property channels Result)" = exit-code ]
        [[ "$(vm_property channels StatusText)" = "Share 'work' died: its virtiofsd was killed by signal ABRT"* ]]
        wait_journal claude-vm-virtiofsd@channels:work.service 'A thread of virtiofsd has panicked'
        systemctl --user reset-failed
        assert_nothing_left channels
}
