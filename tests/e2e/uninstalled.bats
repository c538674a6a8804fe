#!/usr/bin/env bats
# A prefix in the home, where systemd finds neither generator nor units: claude-run's own
# copies do. Run twice, as another user: before the installation of the host, and after it.

load common

setup_file() {
        :
}

teardown_file() {
        :
}

own_links() {
        find "$XDG_RUNTIME_DIR/systemd/user" -type l -lname "*/$1*" 2>/dev/null
}

# bats test_tags=uninstalled
@test "without an installed generator: start, systemctl, a changed ini, a removed one" {
        local work=$HOME/project
        PATH=$HOME/.local/bin:$PATH
        mkdir -p "$work" ~/.config/claude-microvm
        printf '[Project]\nWorkDirectory=%s\nAgentStart=session\n[VM]\nMemory=1G\nCPUs=1\nAccelerator=tcg\n' "$work" \
                >~/.config/claude-microvm/own.ini
        run ! systemctl --user start claude-vm@own
        run -0 claude-run start own
        [ "$(vm_property own ActiveState)" = active ]
        run -0 claude-run exec own -- touch made
        [ "$(stat -c %u "$work/made")" = "$(id -u)" ]
        run -0 systemctl --user cat claude-vm@own
        [[ "$output" == *50-claude-microvm.conf* ]]

        # nothing has changed: nothing is written, nothing is reloaded
        touch "$BATS_TEST_TMPDIR/before"
        run -0 claude-run start own
        [ -z "$(find "$XDG_RUNTIME_DIR/claude-microvm/units" -newer "$BATS_TEST_TMPDIR/before")" ]

        run -0 systemctl --user stop claude-vm@own
        assert_nothing_left own
        sed -i "s|^CPUs=.*|CPUs=many|" ~/.config/claude-microvm/own.ini
        run -78 claude-run start own
        [[ "$output" == *own.ini:6*CPUs=many* ]]
        rm ~/.config/claude-microvm/own.ini
        run -78 claude-run start own
        [[ "$output" == *"No project 'own'"* ]]
        [ -z "$(own_links claude-microvm/units)" ]
        run -0 claude-run doctor
        [[ "$output" == *"claude-run's own copies"* ]]
        systemctl --user reset-failed
}

# bats test_tags=reinstalled
@test "an installation takes precedence, and the copies go" {
        [ -n "$(own_links .local/lib/systemd)" ]
        run -78 claude-run start own
        [ -z "$(own_links .local/lib/systemd)" ]
        [ ! -e "$XDG_RUNTIME_DIR/claude-microvm/units" ]
        systemctl --user reset-failed
}
