#!/usr/bin/env bats
# The life of the Debian packages on a machine: built, installed, upgraded under a VM that runs, removed, purged. One
# test after the other, as root in a fresh test host; a user's part is that of `tester`.

bats_require_minimum_version 1.5.0

debs=/build/deb

as_tester() {
        runuser -u tester -- env --chdir=/home/tester HOME=/home/tester XDG_RUNTIME_DIR=/run/user/1000 \
                DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus "$@"
}

teardown() {
        # the units of one test
        rm -rf /run/systemd/user
}

# What a purge must not leave anything of. Not: what dpkg and its triggers keep, and the user's own.
files() {
        find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /build -o -path /src -o -path /home \
                -o -path /var/cache -o -path /var/log -o -path /var/lib/dpkg -o -path /var/lib/systemd/deb-systemd-helper-enabled \
                -o -path /var/tmp -o -path /root \) -prune -o -print | sort
}

# The same package with a higher version, and a line more in a unit.
make_upgrade() {
        local tree=$BATS_FILE_TMPDIR/tree
        dpkg-deb --raw-extract "$debs"/claude-microvm_*_amd64.deb "$tree"
        sed -i 's/^Version: .*/&+1/' "$tree/DEBIAN/control"
        sed -i '/^\[Service\]/a Environment=UPGRADED=yes' "$tree/usr/lib/systemd/user/claude-vm@.service"
        dpkg-deb --build "$tree" "$BATS_FILE_TMPDIR/upgrade.deb"
        rm -r "$tree"
}

main_pid() {
        as_tester systemctl --user show --property MainPID --value claude-vm@pkg
}

@test "the packages build, and lintian finds nothing" {
        as_tester /src/contrib/debian/build $debs
        run -0 as_tester lintian --fail-on error,warning,info --display-info $debs/claude-microvm_*.changes
        [ "$output" = "" ]
}

@test "AppArmor's parser takes the profiles, which name the installed programs" {
        local deb tree=$BATS_TEST_TMPDIR/tree profile program
        for deb in $debs/*.deb; do dpkg-deb --extract "$deb" "$tree"; done
        for profile in "$tree"/etc/apparmor.d/*; do
                # with the rules of a kernel that has them all, which this machine's need not be
                apparmor_parser --skip-kernel-load --skip-cache --kernel-features /etc/apparmor.d/abi/4.0 --warn=all --Werror "$profile"
                program=$(sed -n "s/^profile ${profile##*/} \(.*\) flags=.*/\1/p" "$profile")
                [ -x "$tree$program" ]
        done
        # and the check notices a mistake
        sed 's/  userns,/  usernss,/' "$tree/etc/apparmor.d/claude-vm-helper" >"$BATS_TEST_TMPDIR/wrong"
        run ! apparmor_parser --skip-kernel-load --skip-cache "$BATS_TEST_TMPDIR/wrong"
}

@test "for Ubuntu no unit of a VM needs a namespace that systemd makes" {
        local unit
        rm -rf /build/ubuntu
        run -0 as_tester meson setup /build/ubuntu /src --prefix=/usr -Dtests=disabled -Doptimization=0 -Dunit_namespaces=false
        run -0 as_tester meson install -C /build/ubuntu --destdir /build/ubuntu/root --quiet
        mkdir -p /run/systemd/user
        cp -r /build/ubuntu/root/usr/lib/systemd/user/. /run/systemd/user/
        # without the VM or the network that it belongs to
        sed -i '/^BindsTo=/d' /run/systemd/user/claude-vm-*@.service
        for unit in claude-vm{,-clipboard,-copy,-dns,-net,-pasta,-proxy,-ssh,-suspend,-virtiofsd}@; do
                mkdir -p /run/systemd/user/$unit.service.d
                # to a file: the journal may not know the unit of a process that has ended at once
                printf '%s\n' '[Unit]' RefuseManualStart=no '[Service]' Type=oneshot ExecStart= ExecStartPost= ExecStop= ExecStopPost= Restart=no StandardOutput=truncate:%t/look \
                        'ExecStart=/bin/readlink /proc/self/ns/user /proc/self/ns/net /proc/self/ns/mnt' >/run/systemd/user/$unit.service.d/50-look.conf
                as_tester systemctl --user daemon-reload
                as_tester systemctl --user start "${unit}look.service"
                output=$(cat /run/user/1000/look)
                rm /run/user/1000/look
                echo "$unit: $output"
                # those of the manager
                [ "$(head -n 3 <<<"$output")" = "$(readlink /proc/1/ns/user /proc/1/ns/net)
$(readlink "/proc/$(systemctl show --property MainPID --value user@1000)/ns/mnt")" ]
        done
}

@test "each program that they run comes from a package that they need" {
        local tree=$BATS_TEST_TMPDIR/tree control program package
        dpkg-deb --raw-extract $debs/claude-microvm_*_amd64.deb "$tree"
        control=$(sed -n 's/^\(Depends\|Recommends\): //p' "$tree/DEBIAN/control" | tr ',' '\n' | awk '{ print $1 }')
        run -0 grep --text --no-filename --only-matching --extended-regexp '/usr/(s?bin|libexec)/[a-z0-9_-]+' \
                "$tree/usr/libexec/claude-vm-helper" "$tree/usr/bin/claude-run"
        [ "${#lines[@]}" -gt 8 ]
        for program in $(printf '%s\n' "${lines[@]}" | grep --invert-match --extended-regexp 'claude-vm|/env$|/bash$|/qemu-system-aarch64$|/wl-paste$|/xclip$' | sort -u); do
                package=$(dpkg --search "$program" "${program#/usr}" 2>/dev/null | head -n 1 | cut -d: -f1) || true
                echo "$program: $package"
                # essential: on each machine anyway
                [ "$(dpkg-query --show --showformat '${Essential}' "$package")" != yes ] || continue
                grep --quiet --line-regexp "$package" <<<"$control"
        done
        # guests of the other architecture are for who wants them
        grep --quiet '^Suggests:.*qemu-system-arm' "$tree/DEBIAN/control"
        # and a desktop has one of these
        grep --quiet '^Suggests:.*wl-clipboard | xclip' "$tree/DEBIAN/control"
}

@test "installed: the first claude-run of a user starts a VM" {
        files >"$BATS_FILE_TMPDIR/before"
        dpkg --install $debs/claude-microvm_*_amd64.deb $debs/claude-microvm-guest-tools_*_all.deb
        # the user's own image: that of the other hosts is theirs
        run -0 as_tester claude-vm-mkguest
        run -0 as_tester claude-run doctor
        mkdir -p /home/tester/pkg /home/tester/.config/claude-microvm
        printf '[Project]\nWorkDirectory=/home/tester/pkg\nAgentStart=session\n[VM]\nMemory=1G\nCPUs=1\nAccelerator=tcg\n' \
                >/home/tester/.config/claude-microvm/pkg.ini
        chown -R tester: /home/tester
        run -0 as_tester claude-run start pkg
        run -0 as_tester claude-run exec pkg -- touch made
        [ "$(stat -c %U /home/tester/pkg/made)" = tester ]
        # the configuration of ssh, and completions where the shells look
        run -0 as_tester ssh claude-vm.pkg -- id -un
        [ "$output" = claude ]
        run -0 as_tester bash -c '. /usr/share/bash-completion/completions/claude-run; complete -p claude-run'
        run -0 as_tester fish -c 'complete -C "claude-run sta"'
        [[ $output == start* ]]
        run -0 man --where claude-vm.ini
}

@test "an upgrade leaves a VM running, and reloads its user's manager" {
        local pid
        make_upgrade
        pid=$(main_pid)
        [ "$pid" -gt 1 ]
        dpkg --install "$BATS_FILE_TMPDIR/upgrade.deb"
        [ "$(main_pid)" = "$pid" ]
        run -0 as_tester claude-run exec pkg -- true
        run -0 as_tester systemctl --user show --property Environment --property NeedDaemonReload claude-vm@pkg
        [[ $output == *UPGRADED=yes* && $output == *NeedDaemonReload=no* ]]
}

@test "a removal stops the VM first, and its user's manager forgets it" {
        dpkg --remove claude-microvm claude-microvm-guest-tools
        run ! pgrep --uid tester qemu-system
        run -0 find /run/user/1000 -name '*claude-vm*'
        echo "$output"
        [ "$output" = "" ]
        run -0 as_tester systemctl --user list-units --all --plain --no-legend 'claude-vm*' app-claude.slice
        echo "units: $output"
        [ "$output" = "" ]
        run -0 as_tester systemctl --user show --property LoadState --value claude-vm@pkg
        [ "$output" = not-found ]
        # it ended in order: the helper was there
        run -0 as_tester journalctl --user --unit claude-vm@pkg --output cat
        [[ $output != *'Failed with result'* ]]
}

@test "a purge leaves nothing but what is the user's" {
        # kept between runs; an image of the administrator's takes its place
        umount /var/lib/claude-microvm/guests
        mkdir -p /var/lib/claude-microvm/guests/all
        dpkg --purge claude-microvm claude-microvm-guest-tools
        run diff <(cat "$BATS_FILE_TMPDIR/before") <(files)
        local difference=$output
        echo "$difference"
        run -1 grep '^>' <<<"$difference"
        # less than before: the place that the test host has made, and what dh_apparmor removes when it is empty
        run -1 grep --invert-match --extended-regexp '^[^<]|^< (/var/lib/claude-microvm(/guests)?|/etc/apparmor.d/disable)$' <<<"$difference"
        [ -e /home/tester/.config/claude-microvm/pkg.ini ]
}
