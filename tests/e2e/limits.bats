#!/usr/bin/env bats
# What a VM may use, and what its programs may do on the host.

load common

# The most that systemd-analyze may find exposed, in tenths: a change of a unit that
# opens something has to change its number here, too.
EXPOSURE=(claude-vm@:19 claude-vm-virtiofsd@:26 claude-vm-ssh@:17)

@test "the units' exposure is what it was, or less" {
        local entry unit most report
        for entry in "${EXPOSURE[@]}"; do
                unit=/usr/lib/systemd/user/${entry%:*}.service
                most=${entry#*:}
                report=$(systemd-analyze --user --no-pager security --offline=true "$unit" | tail -n 1)
                echo "# $report" >&3
                systemd-analyze --user security --offline=true --threshold="$most" "$unit" >/dev/null
                # and the number is the real one, so that a better unit lowers it
                run ! systemd-analyze --user security --offline=true --threshold="$((most - 1))" "$unit"
        done
}

# status_of PID FIELD
status_of() {
        awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/status"
}

assert_confined() {
        local pid=$1
        [ "$(status_of "$pid" NoNewPrivs)" = 1 ]
        [ "$(status_of "$pid" Seccomp)" = 2 ]
        [ "$(status_of "$pid" CapBnd)" = 0000000000000000 ]
        [ "$(readlink "/proc/$pid/ns/user")" != "$(readlink /proc/self/ns/user)" ]
}

# Waits until the VM's unit uses less than so many MiB.
wait_memory_below() {
        timeout 60 bash -c 'until [ "$(systemctl --user show --value --property MemoryCurrent "$1")" -lt $(($2 << 20)) ]; do sleep 0.5; done' \
                - "claude-vm@$1.service" "$2"
}

memory_mib() {
        echo $(($(vm_property "$1" MemoryCurrent) >> 20))
}

@test "limits of [Service]: shown by systemd, freed memory given back, too much memory ends the VM and the status says so" {
        local ssh idle
        new_project limits '[Service]' MemoryMax=1200M MemorySwapMax=0 CPUQuota=150% TasksMax=80
        systemctl --user start claude-vm@limits
        [ "$(vm_property limits CPUQuotaPerSecUSec)" = 1.5s ]
        [ "$(vm_property limits TasksMax)" = 80 ]
        [ "$(vm_property limits Slice)" = app-claude.slice ]
        [ "$(cat "/sys/fs/cgroup$(vm_property limits ControlGroup)/cpu.max")" = "150000 100000" ]

        # the sandbox that the unit promises is the one that the kernel has
        assert_confined "$(pgrep --full 'qemu-system.* -name claude-vm@limits ')"
        assert_confined "$(unit_property claude-vm-ssh@limits MainPID)"
        assert_confined "$(unit_property claude-vm-virtiofsd@limits:work MainPID)"
        run ! grep --quiet 'no Landlock' <(vm_journal limits)

        ssh=(ssh -F "$XDG_RUNTIME_DIR/claude-vm/limits/ssh.config" claude-vm)
        idle=$(memory_mib limits)
        "${ssh[@]}" 'head -c 400M /dev/zero >/dev/shm/fill'
        [ "$(memory_mib limits)" -ge $((idle + 350)) ]
        "${ssh[@]}" 'rm /dev/shm/fill'
        wait_memory_below limits $((idle + 150))
        echo "# memory of the VM: idle $idle MiB, 400 MiB used and freed: $(memory_mib limits) MiB" >&3

        "${ssh[@]}" 'head -c 1200M /dev/zero >/dev/shm/fill' || true
        wait_inactive limits
        [ "$(vm_property limits Result)" = oom-kill ]
        [[ "$(vm_property limits StatusText)" == "Out of memory"*MemoryMax=* ]]
        [[ "$(systemctl --user status claude-vm@limits)" == *"Out of memory"* ]]
        systemctl --user reset-failed
        assert_nothing_left limits
}

@test "RuntimeMaxSec= ends the VM in good order and the status says so" {
        new_project short '[Service]' RuntimeMaxSec=1
        systemctl --user start claude-vm@short
        wait_inactive short
        [ "$(vm_property short Result)" = timeout ]
        [[ "$(vm_property short StatusText)" == *"time limit: RuntimeMaxSec="* ]]
        run ! grep --quiet 'Killing process' <(vm_journal short)
        systemctl --user reset-failed
        assert_nothing_left short
}
