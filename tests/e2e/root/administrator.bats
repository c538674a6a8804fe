#!/usr/bin/env bats
# What only an administrator can do to a user's projects: files in /etc, and the user's manager started as at
# a login. Runs as root in the test host; the user is `tester`.

bats_require_minimum_version 1.5.0
load as-user

EXAMPLES=/usr/share/claude-microvm/examples
SYSTEM=/etc/claude-microvm

setup() {
        BATS_TEST_STARTED=$(date +%s)
        mkdir -p "$SYSTEM"
        as_user mkdir -p "$CONFIG"
        install -m 0644 $EXAMPLES/administrator.ini "$SYSTEM/administrator.ini"
        as_user systemctl --user daemon-reload
}

teardown() {
        [ -n "${BATS_TEST_COMPLETED:-}" ] || as_user journalctl --user --no-pager --since "@$BATS_TEST_STARTED" | tail -n 60
        as_user systemctl --user stop 'claude-vm@*.service'
        rm -rf "$SYSTEM" "$CONFIG"/{administrator,login,defaults}.ini
        as_user systemctl --user reset-failed
        as_user systemctl --user daemon-reload
}

memory() {
        as_user systemctl --user show --value --property Environment claude-vm@administrator.service | grep --only-matching 'MEMORY_MIB=[0-9]*'
}

@test "a file in /etc is each user's project, in the user's own directories" {
        [ "$(memory)" = MEMORY_MIB=2048 ]
        run -0 as_user claude-run config administrator
        grep --quiet "^Project.WorkDirectory=$USER_HOME/workspace  *$SYSTEM/administrator.ini:" <<<"$output"
        # others may not write what users run
        chmod 0666 "$SYSTEM/administrator.ini"
        run -78 as_user claude-run config administrator
        [[ "$output" == *"others can write it: chmod go-w"* ]]
}

@test "the user's file of the same name counts; config edit makes it, with the mode of the other" {
        EDITOR='sed -i s/^Memory=2G/Memory=1G/' as_user claude-run config edit administrator
        [ "$(memory)" = MEMORY_MIB=1024 ]
        grep --quiet '^Memory=2G' "$SYSTEM/administrator.ini"
        [ "$(stat --format '%U %a' "$CONFIG/administrator.ini")" = "tester 644" ]
        run -0 as_user claude-run config administrator
        [[ "$output" == *"$CONFIG/administrator.ini:"* ]]
        run ! grep --quiet "$SYSTEM" <<<"$output"
}

@test "a user's new file hides the administrator's at the next start, not some time later" {
        as_user systemctl --user daemon-reload
        as_user touch "$CONFIG/administrator.ini"
        run ! as_user systemctl --user start claude-vm@administrator
        run -0 as_user systemctl --user show --value --property StatusText claude-vm@administrator
        [[ "$output" == "'$CONFIG/administrator.ini' is new since systemd read the projects"*"daemon-reload, or start the VM with claude-run" ]]
}

@test "the administrator does not open a user's hidden directories" {
        sed -i '/^WorkDirectory=/a AllowHidden=~/.dotfiles' "$SYSTEM/administrator.ini"
        run -78 as_user claude-run config administrator
        [[ "$output" == *"AllowHidden=~/.dotfiles: counts only in a project of your own"* ]]
}

@test "defaults: the administrator's, over them the user's, and over both each file" {
        printf '[VM]\nMemory=3G\nCPUs=3\n[Environment]\nSITE=here\n' >"$SYSTEM/defaults.ini"
        printf '[VM]\nCPUs=5\n' | as_user sh -c "umask 077; cat >'$CONFIG/defaults.ini'"
        run -0 as_user claude-run config administrator
        grep --quiet "^VM.Memory=2G  *$SYSTEM/administrator.ini:" <<<"$output"
        grep --quiet "^VM.CPUs=5  *$CONFIG/defaults.ini:2$" <<<"$output"
        grep --quiet "^Environment.SITE=here  *$SYSTEM/defaults.ini:5$" <<<"$output"
        # another user's file is nobody's defaults
        chown other "$CONFIG/defaults.ini"
        chmod 0644 "$CONFIG/defaults.ini"
        run -78 as_user claude-run config administrator
        [[ "$output" == *"$CONFIG/defaults.ini: belongs to user "* ]]
}

@test "an empty file and a link to /dev/null take the project away" {
        local mask
        for mask in 'touch' 'ln -s /dev/null'; do
                as_user $mask "$CONFIG/administrator.ini"
                as_user systemctl --user daemon-reload
                run ! memory
                run -78 as_user claude-run config administrator
                [[ "$output" == *"$CONFIG/administrator.ini: is empty or a link to /dev/null"* ]]
                [ "$(as_user claude-run list --json | jq 'map(select(.name == "administrator")) | length')" = 0 ]
                run -78 as_user claude-run start administrator
                as_user systemctl --user reset-failed
                rm "$CONFIG/administrator.ini"
        done
        as_user systemctl --user daemon-reload
        [ "$(memory)" = MEMORY_MIB=2048 ]
}

@test "[Install]: the VM starts with the user's manager, as at a login" {
        as_user mkdir -p $USER_HOME/src/login
        as_user cp $EXAMPLES/login.ini "$CONFIG/login.ini"
        printf '[VM]\nMemory=1536M\nCPUs=1\nAccelerator=tcg\n' >>"$CONFIG/login.ini"
        # the manager's own words: it is not asked for the unit here
        systemctl restart "user@$(id -u tester).service"
        timeout 180 grep --quiet --max-count=1 'Started claude-vm@login.service' \
                <(journalctl --follow --lines=all --output=cat "_UID=$(id -u tester)" --since "@$BATS_TEST_STARTED")
        run -0 as_user claude-run exec login -- pwd
        [ "$output" = "$USER_HOME/src/login" ]
        run ! journalctl --quiet --output=cat "_UID=$(id -u tester)" --since "@$BATS_TEST_STARTED" --grep 'ordering cycle'
}
