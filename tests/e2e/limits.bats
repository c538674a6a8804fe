#!/usr/bin/env bats
# What a VM may use, and what its programs may do on the host.

load common

# What systemd-analyze may find exposed, in tenths. A bound: its scoring changes with its version.
EXPOSURE_MAX=40

# bats test_tags=no-vm
@test "the units' exposure is at most 4.0" {
        local name unit report
        for name in claude-vm@ claude-vm-virtiofsd@ claude-vm-ssh@ claude-vm-suspend@ claude-vm-copy@ claude-vm-clipboard@; do
                unit=/usr/lib/systemd/user/$name.service
                report=$(systemd-analyze --user --no-pager security --offline=true "$unit" | tail -n 1)
                echo "# $report" >&3
                systemd-analyze --user security --offline=true --threshold=$EXPOSURE_MAX "$unit" >/dev/null
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
}

# The guest's memory that the host keeps for it: a file in memory that QEMU and the virtiofsds have mapped.
memory_mib() {
        echo $(($(status_of "$1" RssShmem) >> 10))
}

# Waits until it is less than so many MiB.
wait_memory_below() {
        local deadline=$((SECONDS + 180))
        until [ "$(memory_mib "$1")" -lt "$2" ]; do
                [ $SECONDS -lt $deadline ] || { echo "still $(memory_mib "$1") MiB"; return 1; }
                sleep 0.5
        done
}

# wait_guest_memory_below NAME KIB: as the guest sees its memory.
wait_guest_memory_below() {
        local deadline=$((SECONDS + 120))
        until [ "$(claude-run exec "$1" -- awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo)" -lt "$2" ]; do
                [ $SECONDS -lt $deadline ] || { claude-run exec "$1" -- cat /proc/meminfo; return 1; }
                sleep 0.5
        done
}

# Whether the kernel's controller is this session's: a machine with the old hierarchy keeps it.
have_controller() {
        grep --quiet --word-regexp "$1" "/sys/fs/cgroup/user.slice/user-$(id -u).slice/user@$(id -u).service/cgroup.controllers" ||
                { echo "# this machine has no '$1' controller for users: its effect was not looked at" >&3; return 1; }
}

@test "limits of [Service], the sandbox, freed memory given back, the end of a VM with too much memory" {
        local ssh peak qemu
        # without an agent, whose own memory would come and go
        new_project limits AgentStart=session '[Service]' MemoryMax=1200M MemorySwapMax=0 CPUQuota=150% TasksMax=80
        systemctl --user start claude-vm@limits
        [ "$(vm_property limits MemoryMax)" = $((1200 << 20)) ]
        [ "$(vm_property limits CPUQuotaPerSecUSec)" = 1.500000s ]
        [ "$(vm_property limits TasksMax)" = 80 ]
        [ "$(vm_property limits Slice)" = app-claude.slice ]
        if have_controller cpu; then
                [ "$(cat "/sys/fs/cgroup$(vm_property limits ControlGroup)/cpu.max")" = "150000 100000" ]
        fi

        # the sandbox that the unit promises is the one that the kernel has
        qemu=$(pgrep --full 'qemu-system.* -name claude-vm@limits ')
        assert_confined "$qemu"
        # and QEMU sees nothing of this user but what it needs
        [ ! -e "/proc/$qemu/root$HOME" ]
        [ "$(ls "/proc/$qemu/root$XDG_RUNTIME_DIR" | sort | tr '\n' ' ')" = "claude-vm claude-vm-fs " ]
        assert_confined "$(unit_property claude-vm-virtiofsd@limits:work MainPID)"

        ssh=(ssh -F "$XDG_RUNTIME_DIR/claude-vm/limits/ssh.config" claude-vm)
        "${ssh[@]}" true
        assert_confined "$(pgrep --full 'ssh -F .*/limits/ssh.config .* -N -f claude-vm' | head -n 1)"
        "${ssh[@]}" 'head -c 400M /dev/zero >/dev/shm/fill'
        peak=$(memory_mib "$qemu")
        [ "$peak" -ge 400 ]
        "${ssh[@]}" 'rm /dev/shm/fill'
        wait_memory_below "$qemu" $((peak - 300))
        echo "# memory of the VM: $peak MiB with a file of 400 MiB, $(memory_mib "$qemu") MiB without" >&3

        have_controller memory || return 0
        "${ssh[@]}" 'head -c 1200M /dev/zero >/dev/shm/fill' || true
        wait_inactive limits
        [ "$(vm_property limits Result)" = oom-kill ]
        [[ "$(vm_property limits StatusText)" == "Out of memory"*MemoryMax=* ]]
        [[ "$(systemctl --user status claude-vm@limits)" == *"Out of memory"* ]]
        systemctl --user reset-failed
        assert_nothing_left limits
}

@test "RuntimeMaxSec= ends the VM in good order and the status says so" {
        new_project short AgentStart=session '[Service]' RuntimeMaxSec=1
        systemctl --user start claude-vm@short
        wait_inactive short
        [ "$(vm_property short Result)" = timeout ]
        [[ "$(vm_property short StatusText)" == *"time limit: RuntimeMaxSec="* ]]
        run ! grep --quiet 'Killing process' <(vm_journal short)
        systemctl --user reset-failed
        assert_nothing_left short
}

@test "claude-run set: limits at once, memory by the balloon, the rest by a sentence; over with the VM" {
        local dir
        new_project set AgentStart=session '[Service]' CPUQuota=300%
        dir=$XDG_RUNTIME_DIR/systemd/user.control/claude-vm@set.service.d
        # one that is down has its ini
        run -1 claude-run set set cpuquota=200%
        [[ "$output" == *"does not run"* ]]
        [ ! -e "$dir" ]
        systemctl --user start claude-vm@set
        claude-run set set cpuquota=200% memoryhigh=1400M memory=700M
        [ "$(vm_property set CPUQuotaPerSecUSec)" = 2s ]
        [ "$(vm_property set MemoryHigh)" = $((1400 << 20)) ]
        # the guest gives it back as it can
        wait_guest_memory_below set $((900 << 10))
        claude-run set set memory=1536M
        # nothing of a call with one bad word
        run -2 claude-run set set cpuquota=100% memoryhihg=1G
        [[ "$output" == *"did you mean MemoryHigh?"* ]]
        run -2 claude-run set set cpuquota=100% machine=q35
        [[ "$output" == *"cannot be changed while a VM runs"* ]]
        run -2 claude-run set set cpuquota=100% memory=8
        [[ "$output" == *"like 8G"* ]]
        run -1 claude-run set set memoryhigh=much
        run -1 claude-run set set cpuquota=100% cpus=2
        [[ "$output" == *"machine 'microvm'"*"--save"* ]]
        run -1 claude-run set set memory=2G
        [[ "$output" == *"started with 1536 MiB"*"'microvm'"*"--save"* ]]
        [ "$(vm_property set CPUQuotaPerSecUSec)" = 2s ]
        # the ini has them for the next start
        claude-run set set memory=2G cpuquota=250% --save
        grep --line-regexp Memory=2G ~/.config/claude-microvm/set.ini
        grep --line-regexp CPUQuota=250% ~/.config/claude-microvm/set.ini
        [ "$(grep --count CPUQuota ~/.config/claude-microvm/set.ini)" = 1 ]
        claude-run set set cpuquota=50%
        systemctl --user stop claude-vm@set
        [ ! -e "$dir" ]
        [ "$(vm_property set CPUQuotaPerSecUSec)" = 2.500000s ]
        [ "$(vm_property set MemoryHigh)" = infinity ]
        # also when it is the same unit that starts again
        systemctl --user start claude-vm@set
        claude-run set set cpuquota=50%
        systemctl --user restart claude-vm@set
        [ "$(vm_property set CPUQuotaPerSecUSec)" = 2.500000s ]
        systemctl --user stop claude-vm@set
}

@test "GuestHash=: the pinned image starts, another one and a changed one do not" {
        local image=$HOME/.local/share/claude-microvm/guests/pinned hash file
        # the files themselves, so that one can be changed
        mkdir -p "$image"
        cp --reflink=auto /var/lib/claude-microvm/guests/debian/* "$image"
        hash=$(sha256sum "$image/guest.json" | cut -d' ' -f1)
        claude-vm-mkguest --directory "$image" --verify | grep --fixed-strings "$hash"
        new_project pinned AgentStart=session '[VM]' Guest=pinned "GuestHash=sha256:$hash"
        systemctl --user start claude-vm@pinned
        systemctl --user stop claude-vm@pinned
        for file in cmdline initrd guest.json; do
                echo >>"$image/$file"
                run -78 claude-run start pinned
                [[ "$output" == *"'$image' is not"* ]]
                cp "/var/lib/claude-microvm/guests/debian/$file" "$image/$file"
        done
        rm -r "$image"
}
