#!/usr/bin/env bats
# The disk of a project: what stays on it, what comes back, and what a guest or an accident does to it. The tests are
# one story of one disk, because each start of a VM takes its time.

load common

disk=~/.local/share/claude-microvm/disks/kept.raw
image=/var/lib/claude-microvm/guests/debian
other=$BATS_RUN_TMPDIR/other-image
third=$BATS_RUN_TMPDIR/third-image

setup_file() {
        start_api
        new_project kept AgentStart=session Setup=vm-setup.sh 'Private=node_modules web/target' '[VM]' Disk=1G
        claude-run disk kept delete --yes || true
        printf '%s\n' 'echo "setting up as $(id -un) in $PWD"' 'echo ran >>/work/setup-runs' 'getent hosts deb.debian.org >/dev/null || true' 'touch /etc/set-up' 'echo "10.0.2.2 of-setup" >>/etc/hosts' >"$(project_dir kept)/vm-setup.sh"
        # other images to the helper: the same files, and other hashes
        other_image "$other" 0
        other_image "$third" 00
}

other_image() {
        mkdir "$1"
        for file in kernel initrd root.erofs cmdline; do ln -s "$image/$file" "$1/$file"; done
        jq --arg end "$2" '.files."root.erofs".sha256 |= (.[($end | length):] + $end)' "$image/guest.json" >"$1/guest.json"
}

teardown_file() {
        systemctl --user stop claude-vm@kept || true
        claude-run rm kept --yes
        stop_api
}

# The VM goes on from test to test.
teardown() {
        [ -n "${BATS_TEST_COMPLETED:-}" ] || vm_journal kept --since "@$BATS_TEST_STARTED" | tail -n 60
        systemctl --user reset-failed || true
}

as_root() {
        claude-run exec kept --user root -- "$@"
}

status() {
        vm_property kept StatusText
}

allocated() {
        echo $((512 * $(stat --format=%b "$disk")))
}

use_image() {
        sed -i '/^Guest=/d' ~/.config/claude-microvm/kept.ini
        sed -i "s|^Disk=.*|&${1:+\\nGuest=$1}|" ~/.config/claude-microvm/kept.ini
}

@test "a blank disk is made and formatted by the guest, and is sparse" {
        claude-run start kept
        [ "$(stat --format='%a %s' "$disk")" = "600 $((1 << 30))" ]
        [ "$(allocated)" -lt $((64 << 20)) ]
        [ "$(status)" = "Ready for sessions" ]
        as_root sh -c 'echo installed >/etc/kept; mkdir -p /var/lib/docker/; echo layer >/var/lib/docker/layer; echo wheel >/home/claude/.cache/wheel'
        vm_journal kept --since "@$BATS_TEST_STARTED" | grep "setting up as root in $(project_dir kept)\$"
        # beside the shares, and the agent's
        claude-run exec kept -- sh -c 'echo module >/work/node_modules/module; echo object >/work/web/target/object; echo source >/work/web/source'
        [ "$(cat "$(project_dir kept)/web/source")" = source ]
        [ -z "$(ls -A "$(project_dir kept)/node_modules" "$(project_dir kept)/web/target" | grep --invert-match --regexp='^/' --regexp='^$')" ]
        [ "$(claude-run list --json | jq '.[] | select(.name == "kept") | .diskMaxBytes, (.diskBytes > 0)' | tr '\n' ' ')" = "$((1 << 30)) true " ]
        [[ "$(claude-run list --wide)" == *"kept "*"M/1.0G"* ]]
}

@test "what the guest deletes takes no room on the host" {
        local before after
        before=$(allocated)
        as_root sh -c 'head -c 64M /dev/urandom >/var/big && sync'
        [ "$(allocated)" -gt $((before + (56 << 20))) ]
        as_root sh -c 'rm /var/big && sync && fstrim /var/lib/claude-vm'
        after=$(allocated)
        [ "$after" -lt $((before + (24 << 20))) ]
        # nor do zeros
        as_root sh -c 'head -c 64M /dev/zero >/var/zeros && sync'
        [ "$(allocated)" -lt $((after + (24 << 20))) ]
        as_root rm /var/zeros
}

@test "the disk of a running VM is not to be touched, and not to be had twice" {
        local action
        for action in reset 'snapshot a' delete; do
                run ! claude-run disk kept $action --yes
                [[ "$output" == *"claude-run stop kept"* ]]
        done
        claude-run disk kept
        # another VM of the same name, which systemd would not start
        run -1 python3 - "$disk" <<-'PYTHON'
	import fcntl, struct, sys
	f = open(sys.argv[1], "r+b")
	fcntl.fcntl(f, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
	PYTHON
        [[ "$output" == *"temporarily unavailable"* ]]
}

@test "the image has what the README names, and what a set and a script have put into it" {
        claude-run exec kept -- sh -c 'echo "int main(void) { return 0; }" >/tmp/a.c && gcc -o /tmp/a /tmp/a.c && /tmp/a'
        [ "$(claude-run exec kept -- npm prefix --global 2>&1)" = /home/claude/.local ]
        # a release with long-term support, and headers for native modules
        [[ "$(claude-run exec kept -- node --version)" == v24.* ]]
        claude-run exec kept -- sh -c 'test -f "$npm_package_config_node_gyp_nodedir/include/node/node.h"'
        claude-run exec kept -- sh -c 'python3 -m venv --without-pip /tmp/venv && command -v pip3 npx tmux nano gh' >/dev/null
        [ "$(claude-run exec kept -- cat /etc/made-by-script /etc/resolv.conf | tr '\n' ' ')" = '/root nameserver 10.0.2.3 ' ]
        run ! claude-run exec kept -- ls /usr/lib/claude-vm/steps
}

@test "an agent's server for pages opens one in a real browser, which draws it" {
        cp "$BATS_TEST_DIRNAME/look-at-page" "$(project_dir kept)/"
        run -0 timeout 600 claude-run exec kept -- /work/look-at-page playwright-mcp browser_navigate browser_snapshot
        [[ "$output" == *"drawn 42"* ]] || { echo "$output"; false; }
        run -0 timeout 600 claude-run exec kept -- /work/look-at-page chrome-devtools-mcp new_page take_snapshot '{"timeout": 300000}' '{"pageId": 2}'
        [[ "$output" == *"drawn 42"* ]] || { echo "$output"; false; }
}

@test "podman runs and builds for claude, and its images are on the disk" {
        claude-run exec kept -- sh -euc 'cd /tmp; tar --create --transform "s|.*/|bin/|" /usr/bin/busybox | podman import --quiet - box
                podman run --rm --volume /work:/w box /bin/busybox sh -c "echo from a container >/w/contained"
                mkdir build; printf "FROM box\nCOPY word /word\nCMD [\"/bin/busybox\", \"cat\", \"/word\"]\n" >build/Dockerfile; echo built >build/word
                podman build --quiet --tag word build'
        [ "$(claude-run exec kept -- podman run --rm word)" = built ]
        run -0 claude-run exec kept -- podman info --format '{{.Store.GraphRoot}} {{.Store.GraphDriverName}}'
        [[ "$output" == */containers/claude\ overlay ]]
        [ "$(cat "$(project_dir kept)/contained")" = 'from a container' ]
        [ "$(as_root stat --format=%m /var/lib/containers/)" = /var/lib/claude-vm ]
}

@test "SIGKILL of QEMU in the middle of writes loses nothing that was synced" {
        claude-run exec kept --user root --detach -- sh -c 'mkdir /var/written; for i in $(seq 10000); do echo $i >/var/written/$i; sync /var/written/$i; echo $i >/work/synced; done'
        wait_file "$(project_dir kept)/synced"
        # some of them
        timeout 180 python3 - "$(project_dir kept)/synced" <<-'PYTHON'
	import sys, time
	while int(open(sys.argv[1]).read() or 0) < 15:
	    time.sleep(0.1)
	PYTHON
        pkill --signal KILL --full '^/usr/bin/qemu-system.*claude-vm@kept '
        wait_inactive kept
        local synced
        synced=$(cat "$(project_dir kept)/synced")
        claude-run start kept
        [ "$(status)" = "Ready for sessions" ]
        [ "$(as_root sh -c "cd /var/written && for i in \$(seq $synced); do [ \"\$(cat \$i)\" = \$i ] || echo lost \$i; done; echo $synced")" = "$synced" ]
        [ "$(as_root cat /etc/kept)" = installed ]
        claude-run exec kept -- podman image exists word
        # once for an image and a disk
        as_root ls /etc/set-up
        as_root sh -c 'getent hosts of-setup && getent hosts "$(hostname)" && [ "$(wc -l </etc/hosts)" = 4 ]'
        [ "$(cat "$(project_dir kept)/setup-runs")" = ran ]
        [ "$(claude-run exec kept -- cat /work/node_modules/module /work/web/target/object .cache/wheel /home/claude/.cache/wheel 2>/dev/null | tr '\n' ' ')" = 'module object wheel ' ]
        claude-run stop kept
}

@test "a snapshot is a copy, its name no path, and only one of a name" {
        claude-run disk kept snapshot good
        run -1 claude-run disk kept snapshot good
        [[ "$output" == *"already has a snapshot 'good'"* ]]
        for tag in ../x a/b .hidden -- 'a b'; do
                run ! claude-run disk kept snapshot "$tag"
        done
        run ! claude-run disk ../kept show
        [ "$(ls -A "${disk%/*}")" = "$(printf 'kept.raw\nkept@good.raw')" ]
        [[ "$(claude-run disk kept)" == "disk "*"kept "*"of at most 1.0G"*"snapshot good "* ]]
        [ "$(claude-run disk kept --json | jq --compact-output '[.name, .maxBytes, .snapshots[].tag]')" = "[\"kept\",$((1 << 30)),\"good\"]" ]
        # without a terminal nothing is lost by mistake
        run -2 claude-run disk kept reset </dev/null
        [[ "$output" == *--yes* ]]
}

@test "another image begins with its own packages, and keeps data" {
        use_image "$other"
        # and its Setup=, which fails this time: the VM is there, and says what happened
        printf '%s\n' 'echo again >>setup-runs' 'echo "no such package: tree" >&2' 'exit 3' >"$(project_dir kept)/vm-setup.sh"
        claude-run start kept
        [[ "$(status)" == "Ready for sessions. The guest image is another one"*"Setup= failed with status 3,"*"said last: \"no such package: tree"* ]]
        [ "$(tail -n 1 "$(project_dir kept)/setup-runs")" = again ]
        run ! as_root cat /etc/kept
        [ "$(as_root cat /var/lib/claude-vm/previous/upper/etc/kept /var/lib/docker/layer /work/node_modules/module | tr '\n' ' ')" = 'installed layer module ' ]
        # full to the last block; the next start is on it
        as_root sh -c 'echo other >/etc/kept; fallocate --length $(($(df --output=avail --block-size=1 / | tail -n 1) - 8388608)) /var/fill; tr "\\0" x </dev/zero >/var/rest; sync; tr "\\0" x </dev/zero >/var/rest2; sync' || true
        claude-run stop kept
}

@test "a full disk with a new image: changes are in memory, and nothing on the disk is moved" {
        use_image "$third"
        claude-run start kept
        [[ "$(status)" == "Ready for sessions. The disk is full"* ]]
        run ! as_root cat /etc/kept
        [ "$(as_root cat /var/lib/claude-vm/root/upper/etc/kept /var/lib/claude-vm/previous/upper/etc/kept /var/lib/docker/layer | tr '\n' ' ')" = 'other installed layer ' ]
        as_root sh -c 'echo third >/etc/kept'
        claude-run stop kept
}

@test "a full disk starts, and the image before has what was installed on it" {
        use_image
        rm "$(project_dir kept)/vm-setup.sh"
        claude-run start kept
        [[ "$(status)" == "Ready for sessions. The disk is full"*"Setup= failed with status 127,"*"there is no file vm-setup.sh"* ]]
        echo true >"$(project_dir kept)/vm-setup.sh"
        vm_journal kept --since "@$BATS_TEST_STARTED" | grep 'The guest image is the one before again'
        [ "$(as_root cat /etc/kept)" = installed ]
        [[ "$(as_root sh -c 'head -c 10M /dev/urandom >/etc/more' 2>&1)" == *"No space left"* ]]
        as_root rm -f /var/lib/claude-vm/previous/upper/var/fill /var/lib/claude-vm/previous/upper/var/rest /var/lib/claude-vm/previous/upper/var/rest2
        as_root sh -c 'echo more >/etc/more && sync'
}

@test "root in the guest writes garbage over the whole disk: the VM starts without it, and says so" {
        # 64 MiB, and every copy of the superblock behind it
        as_root sh -c 'head -c 64M /dev/urandom >/dev/vdb; for at in $(seq 64 32 992); do head -c 64K /dev/urandom | dd of=/dev/vdb bs=1M seek=$at conv=notrunc 2>/dev/null; done; sync /dev/vdb' || true
        systemctl --user kill --signal=KILL --kill-whom=all claude-vm@kept
        wait_inactive kept
        systemctl --user reset-failed
        claude-run start kept
        [[ "$(status)" == "Ready for sessions. The disk is damaged"*"claude-run disk kept reset" ]]
        [ "$(claude-run exec kept -- sh -c 'touch /work/node_modules/new && stat --file-system --format=%T /work/node_modules')" = tmpfs ]
        claude-run stop kept
}

@test "reset empties the disk, restore brings a copy back" {
        claude-run disk kept reset --yes
        [ "$(stat --format='%s %b' "$disk")" = '0 0' ]
        claude-run disk kept restore good --yes
        claude-run disk kept snapshot again
        claude-run disk kept delete again --yes
        # and the name has the disk with it
        claude-run rename kept renamed
        [ "$(ls -A "${disk%/*}")" = "$(printf 'renamed.raw\nrenamed@good.raw')" ]
        claude-run rename renamed kept
        sed -i 's/^Disk=.*/Disk=2G/' ~/.config/claude-microvm/kept.ini
        claude-run start kept
        [ "$(status)" = "Ready for sessions" ]
        [ "$(as_root cat /etc/kept)" = installed ]
        # it has grown
        [ "$(as_root sh -c 'stat --file-system --format="%b %S" /' | awk '{ print ($1 * $2 > 1.5 * 1024 * 1024 * 1024) }')" = 1 ]
        claude-run stop kept
}

@test "a link in the place of a disk is refused, and what it leads to stays as it is" {
        mv "$disk" "$disk.aside"
        echo precious >"$HOME/precious"
        ln -s "$HOME/precious" "$disk"
        run ! claude-run start kept
        [[ "$(status)" == *"symbolic link"* ]]
        [ "$(cat "$HOME/precious")" = precious ]
        rm "$disk"
        mv "$disk.aside" "$disk"
        chmod 0400 "$disk"
        systemctl --user reset-failed
        mkdir "${disk%/*}/kept@dir.raw"
        run ! claude-run disk kept restore dir --yes
        rmdir "${disk%/*}/kept@dir.raw"
        chmod 0600 "$disk"
}

@test "rm removes the disk and its copies" {
        claude-run rm kept --yes
        [ -z "$(ls -A "${disk%/*}")" ]
        new_project kept AgentStart=session
}
