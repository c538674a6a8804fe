#!/usr/bin/env bats
# Settings shown, edited and made, and the mistakes of a new user. No VM is started.

# bats file_tags=no-vm

load common

setup_file() {
        export API_PORT=1
}

teardown_file() {
        rm -rf ~/.config/claude-microvm/.edit-*
}

setup() {
        BATS_TEST_STARTED=$(date +%s)
        CONFIG=$HOME/.config/claude-microvm
        new_project set '[Network]' 'Publish=18095:80'
        unset VISUAL EDITOR
}

teardown() {
        rm -rf "$CONFIG"/{set,defaults}.ini "$CONFIG"/.edit-*
        common_teardown
}

kept() {
        ls "$CONFIG"/.edit-*/set.ini 2>/dev/null
}

@test "config: each setting with its line, or default; a broken file with its errors" {
        run -0 claude-run config set
        grep --quiet "^Project.WorkDirectory=$(project_dir set)  *$CONFIG/set.ini:2$" <<<"$output"
        grep --quiet '^VM.Guest=debian  *default$' <<<"$output"
        grep --quiet "^Environment.CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1  *$CONFIG/set.ini:" <<<"$output"
        # without a name the project of the directory
        cd "$(project_dir set)"
        [ "$(claude-run config show --json | jq --raw-output '.[] | select(.key == "Memory") | "\(.value) \(.default) \(.line)"')" = "1536M false 5" ]
        echo 'Memory=8GB' >>"$CONFIG/set.ini"
        sed -i 's/^Memory=1536M/Memory=8GB/' "$CONFIG/set.ini"
        run -78 claude-run config set
        [[ "$output" == *"set.ini:5: Memory=8GB"*"like 8G"* ]]
        run -78 claude-run config nobody
        [[ "$output" == *"claude-run config new nobody"* ]]
        run -2 claude-run config a/b
}

@test "config: defaults of all projects count below their own keys, and a start notices a change of them" {
        EDITOR='printf "[VM]\nMemory=3G\n[Service]\nMemoryMax=9G\n" >' claude-run config edit defaults
        run -0 claude-run config set
        grep --quiet "^VM.Memory=1536M  *$CONFIG/set.ini:5$" <<<"$output"
        grep --quiet "^Service.MemoryMax=9G  *$CONFIG/defaults.ini:4$" <<<"$output"
        run -0 claude-run config defaults
        grep --quiet "^VM.Memory=3G  *$CONFIG/defaults.ini:2$" <<<"$output"
        [ "$(vm_property set MemoryMax)" = $((9 << 30)) ]
        # a tightened default must not be skipped, whoever starts the VM
        printf '[VM]\nMachine=pc\n' >"$CONFIG/defaults.ini"
        run ! systemctl --user start claude-vm@set
        [[ "$(vm_property set StatusText)" == "'$CONFIG/defaults.ini' has changed since systemd read it: "* ]]
        run -78 claude-run start set
        [[ "$output" == *"$CONFIG/defaults.ini:2: Machine=pc: must be one of"* ]]
        # one that is not read at all has no identity, and its reason counts more than that
        chmod g+w "$CONFIG/defaults.ini"
        systemctl --user daemon-reload
        run ! systemctl --user start claude-vm@set
        [[ "$(vm_property set StatusText)" == "$CONFIG/defaults.ini: others can write it: chmod go-w; "*"daemon-reload"* ]]
        chmod g-w "$CONFIG/defaults.ini"
        # the name is the file's
        run -2 claude-run config new defaults
        systemctl --user reset-failed
}

@test "config edit: the file changes in one step, keeps its mode, and the manager knows it" {
        chmod 0640 "$CONFIG/set.ini"
        EDITOR='sed -i s/1536M/1G/' claude-run config edit set
        grep --quiet '^Memory=1G' "$CONFIG/set.ini"
        [ "$(stat --format %a "$CONFIG/set.ini")" = 640 ]
        [[ "$(vm_property set Environment)" == *CLAUDE_VM_MEMORY_MIB=1024* ]]
        [ "$(vm_property set NeedDaemonReload)" = no ]
        # VISUAL before EDITOR, both with arguments
        VISUAL='sed -i s/1G/2G/' EDITOR=false claude-run config edit set
        grep --quiet '^Memory=2G' "$CONFIG/set.ini"
        run -0 env EDITOR=true claude-run config edit set
        [[ "$output" == *"nothing is changed"* ]]
        run -1 env EDITOR=false claude-run config edit set
        [ -z "$(kept)" ]
        run -1 env PATH=/nonexistent /usr/bin/claude-run config edit set
        [[ "$output" == *"set EDITOR"* ]]
}

@test "config edit: a mistake leaves the file alone, and what was written is kept" {
        cp "$CONFIG/set.ini" "$BATS_TEST_TMPDIR/before"
        run -78 env EDITOR='sed -i s/1536M/much/' claude-run config edit set </dev/null
        [[ "$output" == *"set.ini:5: Memory=much"* ]]
        [[ "$output" == *"kept in $(kept)"* ]]
        grep --quiet 'Memory=much' "$(kept)"
        cmp "$BATS_TEST_TMPDIR/before" "$CONFIG/set.ini"
        # it is no project, and no part of one
        [ "$(claude-run list --json | jq 'map(select(.name == "set")) | length')" = 1 ]
}

@test "config edit: with a terminal, edit again until it is good, or discard" {
        # each call takes one step: first the mistake, then the remedy
        printf '#!/bin/sh\nsed -i "s/bad/2G/; s/1536M/bad/" "$1"\n' >"$BATS_TEST_TMPDIR/steps"
        chmod +x "$BATS_TEST_TMPDIR/steps"
        run -0 env EDITOR="$BATS_TEST_TMPDIR/steps" script --quiet --return --command 'claude-run config edit set' /dev/null <<<e
        grep --quiet '^Memory=2G' "$CONFIG/set.ini"
        run -78 env EDITOR='sed -i s/2G/bad/' script --quiet --return --command 'claude-run config edit set' /dev/null <<<d
        grep --quiet '^Memory=2G' "$CONFIG/set.ini"
        [ -z "$(kept)" ]
}

@test "config new: this directory's ini with the options, never over another" {
        mkdir -p "$BATS_TEST_TMPDIR/my site"
        cd "$BATS_TEST_TMPDIR/my site"
        run -78 claude-run config
        [[ "$output" == *"claude-run config new"* ]]
        claude-run config new --memory 2G --cpus 2 --publish 3000:3000 --env A=b
        [ "$(claude-run config --json | jq --raw-output '[.[] | select(.default | not) | "\(.key)=\(.value)"] | join(" ")')" = \
                "WorkDirectory=$PWD Memory=2G CPUs=2 Publish=3000:3000 A=b" ]
        run -78 claude-run config new my-site
        [[ "$output" == *"config edit my-site"* ]]
        run -78 claude-run config new other --memory 2
        [[ "$output" == *"Memory=2"*"like 2G"* ]]
        [ ! -e "$CONFIG/other.ini" ]
        run -2 claude-run config new 'a/b'
        run -2 claude-run config new a b
        rm "$CONFIG/my-site.ini"
}

@test "a file with a mistake: only what it is about tells of it, and no other VM takes its directory" {
        new_project other-one
        sed -i 's/^Memory=1536M/Mdoe=none/' "$CONFIG/set.ini"
        run -0 claude-run config other-one
        [[ "$output" != *Mdoe* ]]
        run -0 claude-run stop other-one
        [ "$output" = "claude-run: VM 'other-one' does not run" ]
        run -0 claude-run list
        [[ "$output" == *$'\n'"set "*broken*"~/projects/set"$'\n'"  $CONFIG/set.ini:5: Mdoe=: unknown key in [VM]; Mode= belongs in [Network]"* ]]
        [ "$(claude-run list --json | jq --compact-output '.[] | select(.name == "other-one") | [.error, .status, .memoryBytes, .activeSinceUSec]')" = '[null,null,null,null]' ]
        run -0 bash -c 'claude-run list | grep --invert-match "^  " | awk "length > 80"'
        [ -z "$output" ]
        run -0 claude-run list --brief
        [[ $'\n'"$output"$'\n' == *$'\n''other-one            inactive'$'\n'* ]]
        [[ $'\n'"$output"$'\n' == *$'\n''set                  broken'$'\n'* ]]
        run -2 claude-run list --brief --json
        [[ "$output" == *"exclude each other"* ]]
        mkdir -p "$(project_dir set)/sub"
        cd "$(project_dir set)/sub"
        run -78 claude-run -- -p question
        [[ "$output" == *"Failed to start 'set'"*"Mdoe="* ]]
        run -78 claude-run stop nobody
        [[ "$output" == *"no project and no VM is called 'nobody'"* ]]
        run -2 claude-run list set
        systemctl --user reset-failed
        rm "$CONFIG/other-one.ini"
}

@test "--name leaves no ini of a call that does nothing, and is not for a project" {
        cd "$(project_dir set)"
        run -2 claude-run --name fresh </dev/null
        [[ "$output" == *"needs one here"* && ! -e "$CONFIG/fresh.ini" ]]
        run -2 claude-run run set --name fresh </dev/null
        [[ "$output" == *"claude-run rename set fresh"* ]]
}

@test "variables: an empty one is none, and those of settings are not for a project that is named" {
        cd "$(project_dir set)"
        WORK_DIR='' claude-run config >"$BATS_TEST_TMPDIR/settings"
        grep --quiet "^Project.WorkDirectory=$PWD " "$BATS_TEST_TMPDIR/settings"
        run -2 env CLAUDE_HOME=/elsewhere DIRENV_ALLOW=1 claude-run run set </dev/null
        [[ "$output" == *"needs one here"* ]]
}

@test "what cannot be written is an error, and a reader that has enough is none" {
        run -1 bash -c 'claude-run config set >/dev/full'
        [[ "$output" == *"Failed to write to the standard output: No space left on device" ]]
        run -0 bash -c 'claude-run config set | head -n 1'
        [ "${#lines[@]}" = 1 ]
}

@test "rename and rm: the ini and the home that nobody else has, never the work directory" {
        local home
        sed -i '/^Home=/d' "$CONFIG/set.ini"
        claude-run rename set renamed
        [ ! -e "$CONFIG/set.ini" ]
        [ "$(claude-run list --json | jq --raw-output '.[] | select(.name == "renamed").directory')" = "$(project_dir set)" ]
        home=$(claude-run config renamed --json | jq --raw-output '.[] | select(.key == "Home").value')
        mkdir -p "$home/go/mod/deep"
        ln -s "$(project_dir set)" "$home/link"
        touch "$home/go/mod/deep/file" "$(project_dir set)/mine"
        chmod -R a-w "$home/go"
        # another project on this directory has the same home
        cp "$CONFIG/renamed.ini" "$CONFIG/second.ini"
        run -78 claude-run rename renamed second
        run -78 claude-run rename nobody third
        run -2 claude-run rename renamed 'a/b'
        run -2 claude-run rm renamed </dev/null
        [[ "$output" == *"--yes"* ]]
        claude-run rm --yes second
        [ -e "$home/go/mod/deep/file" ]
        # asked in a terminal
        run -1 script --quiet --return --command 'claude-run rm renamed' /dev/null <<<n
        [[ "$output" == *"'renamed':"*$'\n'"  $CONFIG/renamed.ini"*"$home"*"The work directory $(project_dir set) stays."* ]]
        [ -e "$CONFIG/renamed.ini" ]
        run -0 script --quiet --return --command 'claude-run rm renamed' /dev/null <<<y
        [ ! -e "$CONFIG/renamed.ini" ]
        [ ! -e "$home" ]
        [ -e "$(project_dir set)/mine" ]
        run -78 claude-run rm --yes renamed
}

@test "rm of all projects of a directory takes the home that was theirs; a name may stand there twice" {
        local home
        sed -i '/^Home=/d' "$CONFIG/set.ini"
        home=$(claude-run config set --json | jq --raw-output '.[] | select(.key == "Home").value')
        mkdir -p "$home"
        cp "$CONFIG/set.ini" "$CONFIG/second.ini"
        run -78 claude-run rm --yes set second set
        [[ "$output" == *"no project is called 'set'"* ]]
        [ ! -e "$CONFIG/set.ini" ]
        [ ! -e "$CONFIG/second.ini" ]
        [ ! -e "$home" ]
}

@test "rm: a home that the ini names stays, and the administrator's file does" {
        claude-run rm --yes set
        [ -d "$HOME/homes/set" ]
}

@test "the examples: good units, nothing to complain about" {
        local name names=()
        cp /usr/share/claude-microvm/examples/*.ini "$CONFIG"
        systemctl --user daemon-reload
        for name in "$CONFIG"/*.ini; do
                names+=("claude-vm@$(basename "$name" .ini).service")
        done
        [ ${#names[@]} -ge 9 ]
        run -0 systemd-analyze --user verify --generators=yes --recursive-errors=no "${names[@]}"
        [ -z "$output" ]
        [[ "$(unit_property default.target Wants)" == *claude-vm@login.service* ]]
        [[ "$(vm_property limits CPUQuotaPerSecUSec)" == 1.5* ]]
        for name in /usr/share/claude-microvm/examples/*.ini; do
                rm "$CONFIG/$(basename "$name")"
        done
        systemctl --user daemon-reload
}

@test "a new user's mistakes: one line that says what to do" {
        # a job of CI: no login session, but the user lingers
        run -0 env --ignore-environment HOME="$HOME" /usr/bin/claude-run list
        [[ "$output" == *$'\n'"set "* ]]
        # a file where a directory must be
        rmdir "$(project_dir set)"
        touch "$(project_dir set)"
        run -78 claude-run start set
        [[ "$output" == *"$(project_dir set)"* ]]
        rm "$(project_dir set)"
        run -78 claude-run start set
        [[ "$output" == *"does not exist: make it"* ]]
        systemctl --user reset-failed
        # two inis of a directory, and then claude-run in it
        mkdir "$(project_dir set)"
        cp "$CONFIG/set.ini" "$CONFIG/set-too.ini"
        cd "$(project_dir set)"
        run -78 claude-run start
        [[ "$output" == *"claude-run attach set-too"* ]]
        run claude-run doctor
        [[ "$output" == *"set.ini: claude-run in it will ask which one"* ]]
        rm "$CONFIG/set-too.ini"
        # written, and no reload yet
        rm "$CONFIG/set.ini"
        systemctl --user daemon-reload
        new_ini=$(printf '[Project]\nWorkDirectory=%s\n' "$PWD")
        (umask 077 && echo "$new_ini" >"$CONFIG/set.ini")
        run ! systemctl --user start claude-vm@set
        [[ "$(vm_property set StatusText)" == *set.ini*"daemon-reload"* ]]
        systemctl --user reset-failed
}

# bats test_tags=no-vm
@test "the old word for a mode of the network, and words that are none" {
        mkdir -p ~/.config/claude-microvm ~/projects/words
        printf '[Project]\nWorkDirectory=~/projects/words\n[Network]\nMode=user\nAllow=a.example:443 host:80\nAllow=@npm\n' >~/.config/claude-microvm/words.ini
        run -0 --separate-stderr /usr/lib/systemd/user-generators/claude-vm-generator --dry-run
        [[ "$stderr" == *"words.ini:4: Mode=user: is an old word for 'internet'"* ]]
        [[ "$output" == *CLAUDE_VM_NETWORK=internet* && "$output" == *CLAUDE_VM_ALLOW_2=@npm* ]]
        sed -i 's/^Allow=@npm/Allow=b.example;c/' ~/.config/claude-microvm/words.ini
        run ! --separate-stderr /usr/lib/systemd/user-generators/claude-vm-generator --check ~/.config/claude-microvm/words.ini
        [[ "$stderr" == *"words.ini:6: Allow=b.example;c: a host name has"* ]]
        rm ~/.config/claude-microvm/words.ini
        run ! --separate-stderr /usr/lib/systemd/user-generators/claude-vm-generator --check /no/such/defaults.ini
        [[ "$stderr" == "/no/such/defaults.ini: No such file or directory" ]]
}
