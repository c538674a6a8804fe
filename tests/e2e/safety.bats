#!/usr/bin/env bats
# The host's side of a guest, or of a file, that means harm. One VM for most of it.

load common

setup_file() {
        start_api
        export CANARY=$HOME/canary ONE TWO
        # not written down here, where the search would find them
        ONE=$(new_secret) TWO=$(new_secret)
        rm -rf "$CANARY" ~/secrets
        mkdir -p "$CANARY" ~/secrets
        echo untouched >"$CANARY/file"
        (umask 077 && echo "$ONE" >~/secrets/one && printf 'first\n%s\nlast\n' "$ONE" >~/secrets/lines)
        new_project safe 'AgentStart=session' '[Credentials]' 'FROM_FILE=~/secrets/one' 'SEVERAL_LINES=~/secrets/lines' 'FROM_CALLER'
        new_project part
        # in the other one's work directory, as in a monorepo
        mkdir "$(project_dir safe)/part"
        sed -i "s|^WorkDirectory=.*|WorkDirectory=$(project_dir safe)/part|" ~/.config/claude-microvm/part.ini
        systemctl --user daemon-reload
        # what a guest may have left there since the last time
        plant_links "$(project_dir safe)"
        plant_links "$HOME/homes/safe"
        FROM_CALLER=$TWO claude-run start safe
}

teardown_file() {
        systemctl --user stop claude-vm@safe || true
        rm -f ~/.config/claude-microvm/{safe,part}.ini
        systemctl --user daemon-reload
        stop_api
}

# The VM of setup_file goes on.
teardown() {
        systemctl --user stop claude-vm@part || true
        systemctl --user reset-failed || true
}

# Links to a file and to what does not exist yet, under the names that programs of a host might write.
plant_links() {
        local name
        for name in .microvm-env .microvm-devshell .devshell .devenv .direnv .envrc.cache .env .git .lock .tmp claude-vm \
                .claude-vm cri-storage .cache .config .local .ssh .bash_history .profile .bashrc core; do
                [ -e "$1/$name" ] || ln -s "$CANARY/file" "$1/$name"
                ln -s "$CANARY/new-$name" "$1/$name.tmp"
                ln -s "$CANARY/new-$name" "$1/$name.new"
        done
}

new_secret() {
        echo "sk-$(od --address-radix=n --format=x8 --read-bytes=24 /dev/urandom | tr -d ' \n')"
}

in_guest() {
        ssh -F "$XDG_RUNTIME_DIR/claude-vm/safe/ssh.config" claude-vm "$@"
}

@test "hostile values of every key: systemd has what was meant, and nothing else" {
        run -0 "$BATS_TEST_DIRNAME/hostile-values" "$BATS_TEST_TMPDIR/named"
}

@test "secrets of a running project are nowhere that this user can read" {
        run -0 in_guest 'printenv FROM_FILE FROM_CALLER'
        [ "$output" = "$ONE"$'\n'"$TWO" ]
        run -0 "$BATS_TEST_DIRNAME/find-secret" --vm --kept-in ~/secrets/one --kept-in ~/secrets/lines "$ONE" "$TWO"
        # and it does find what is there
        echo "$ONE" >"$BATS_TEST_TMPDIR/leak"
        run -1 "$BATS_TEST_DIRNAME/find-secret" --kept-in ~/secrets/one --kept-in ~/secrets/lines "$ONE"
        [[ "$output" == *"$BATS_TEST_TMPDIR/leak"* ]]
        rm "$BATS_TEST_TMPDIR/leak"
}

@test "a secret of claude-run's environment, and no claude-run" {
        new_project caller '[Credentials]' 'FROM_CALLER'
        run ! systemctl --user start claude-vm@caller
        [ "$(vm_property caller ExecMainStatus)" = 78 ]
        [[ "$(vm_property caller StatusText)" == *FROM_CALLER*"start the VM with claude-run"* ]]
        rm ~/.config/claude-microvm/caller.ini
        systemctl --user daemon-reload
}

@test "the host writes through no link in directories of a guest" {
        [ "$(ls "$CANARY")" = file ]
        [ "$(cat "$CANARY/file")" = untouched ]
        # and nobody but the guest has written there at all: a guest without an agent leaves them as they were
        run -0 find "$(project_dir safe)" "$HOME/homes/safe" -newer ~/.config/claude-microvm/part.ini ! -type l ! -type d
        [ -z "$output" ]
}

@test "a guest that swaps another project's directory for a link" {
        run -0 in_guest 'mv /work/part /work/aside && ln -s /home/tester/secrets /work/part'
        run ! systemctl --user start claude-vm@part
        [ "$(vm_property part Result)" = exit-code ]
        run -0 systemctl --user show --value --property=StatusText claude-vm-virtiofsd@part:work claude-vm@part
        [[ "$output" == *"is a symbolic link now"* ]]
        # the directory itself, moved back, is fine
        run -0 in_guest 'rm /work/part && mv /work/aside /work/part'
}

@test "the same before the host reads its projects again: the link does not count" {
        run -0 in_guest 'mv /work/part /work/aside && ln -s /home/tester/secrets /work/part'
        systemctl --user daemon-reload
        run ! systemctl --user start claude-vm@part
        [ "$(vm_property part ExecMainStatus)" = 78 ]
        [[ "$(vm_property part StatusText)" == *part.ini:2*"'$(project_dir safe)/part' is a symbolic link"*"write the real path"* ]]
        run -78 claude-run start part
        [[ "$output" == *"write the real path"* ]]
        run -0 systemctl --user show --value --property=Environment claude-vm@part
        [[ "$output" != *CLAUDE_VM_SHARE_* ]]
        run -0 in_guest 'rm /work/part && mv /work/aside /work/part'
        systemctl --user daemon-reload
}

@test "set-user-ID bits and devices of a guest do not get to the host; git and tar work" {
        local place
        for place in /work /home/claude; do
                # each of these may fail in the guest; what counts is what is left
                run in_guest "cd $place && mkdir -p bits && cd bits || exit 9
                        for mode in 4755 2755 6755; do
                                cp /usr/bin/id user\$mode; chmod \$mode user\$mode
                                sudo cp /usr/bin/id root\$mode; sudo chmod \$mode root\$mode
                                sudo install --mode=\$mode /usr/bin/id made\$mode
                                python3 -c \"import os; os.close(os.open('open\$mode', os.O_CREAT | os.O_WRONLY, 0o\$mode))\"
                                sudo python3 -c \"import os; os.mknod('mknod\$mode', 0o100000 | 0o\$mode)\"
                                mkdir --mode=\$mode directory\$mode
                        done
                        mkdir -p /tmp/bits && sudo install --mode=6755 /usr/bin/id /tmp/bits/tar
                        sudo tar --create --directory=/tmp/bits --preserve-permissions tar | sudo tar --extract --preserve-permissions
                        sudo mknod null c 1 3; sudo mknod block b 8 0; true"
                [ "$status" != 9 ]
        done
        run -0 find "$(project_dir safe)/bits" "$HOME/homes/safe/bits" -perm /6000 -o -type b -o -type c
        [ -z "$output" ]
        # the files themselves are there
        [ -x "$(project_dir safe)/bits/user4755" ]
        [ -x "$HOME/homes/safe/bits/root6755" ]
        # the home has links that lead nowhere
        run -0 in_guest 'export HOME=/tmp; cd /work && git init --quiet --initial-branch=main repository && cd repository && echo one >file && git add file &&
                git -c user.name=a -c user.email=a@example.org commit --quiet --message=one && git status &&
                cd .. && tar --create --file=archive.tar repository && mkdir unpacked && tar --extract --file=archive.tar --directory=unpacked &&
                diff --recursive repository unpacked/repository'
        run -0 in_guest 'rm -rf /work/bits /work/repository /work/unpacked /work/archive.tar ~/bits'
}

@test "virtiofsd serves a place that no guest can rename" {
        local pid
        pid=$(unit_property claude-vm-virtiofsd@safe:work.service MainPID)
        tr '\0' '\n' </proc/"$pid"/cmdline | grep --quiet --line-regexp -e "--shared-dir=$XDG_RUNTIME_DIR/claude-vm/safe/root.work"
        # which is a mount of its own namespace: the host sees an empty directory
        [ -z "$(ls "$XDG_RUNTIME_DIR/claude-vm/safe/root.work")" ]
        [[ "$(unit_property claude-vm-virtiofsd@safe:work.service StatusText)" == *"$(project_dir safe)" ]]
}

@test "escape sequences, overrides and floods of the guest reach neither journal nor status" {
        run -0 in_guest 'printf "STATUS=x\033]0;title\007\033[2Jy\302\233mz\342\200\256w\n\000READY=1\n" | sudo tee /dev/hvc0 >/dev/null'
        wait_journal safe 'xy'
        assert_plain "$(journalctl --user --no-pager --output=export --unit claude-vm@safe)"
        [ "$(vm_property safe ActiveState)" = active ]
        assert_plain "$(vm_property safe StatusText)"
}

@test "after the stop no secret is left, and no link was followed" {
        systemctl --user stop claude-vm@safe
        [ "$(vm_property safe Result)" = success ]
        assert_nothing_left safe
        run -0 "$BATS_TEST_DIRNAME/find-secret" --kept-in ~/secrets/one --kept-in ~/secrets/lines "$ONE" "$TWO"
        [ "$(ls "$CANARY")" = file ]
        [ "$(cat "$CANARY/file")" = untouched ]
}

@test "an ad-hoc VM: its login is in no file while it runs, nor after" {
        local key token pid
        key=$(new_secret) token=$(new_secret)
        mkdir -p "$BATS_TEST_TMPDIR/directory"
        cd "$BATS_TEST_TMPDIR/directory"
        make_small_agent "$PWD"
        CLAUDE_HOME=$HOME/homes/part ANTHROPIC_API_KEY=$key CLAUDE_CODE_OAUTH_TOKEN=$token \
                claude-run --allow "host:$API_PORT" --memory 1536M --cpus 1 --accelerator tcg --env "ANTHROPIC_BASE_URL=http://10.0.2.2:$API_PORT" \
                --env "$SMALL_AGENT" -- -p 'curl --silent --max-time 60 --header "x-api-key: $ANTHROPIC_API_KEY" "$ANTHROPIC_BASE_URL/v1/messages" --data "{}"
                        touch /work/begun; i=0; until [ -e /work/seen ] || [ $((i += 1)) -gt 350 ]; do sleep 0.3; done' 3>&- 4>&- >/dev/null &
        pid=$!
        wait_file "$PWD/begun"
        run "$BATS_TEST_DIRNAME/find-secret" --vm --proxy --given-to "$pid" --kept-in "$BATS_FILE_TMPDIR/api.log" "$key" "$token"
        touch seen
        echo "$output"
        [ "$status" = 0 ]
        wait "$pid"
        run -0 "$BATS_TEST_DIRNAME/find-secret" --kept-in "$BATS_FILE_TMPDIR/api.log" "$key" "$token"
}

@test "a directory's name cannot say more than a directory" {
        local name=$'evil\n[Project]\nShare=x:/home/tester/secrets:\n'
        mkdir -p "$BATS_TEST_TMPDIR/$name" "$BATS_TEST_TMPDIR/blank "
        run -78 claude-run --directory "$BATS_TEST_TMPDIR/$name" -- -p question
        [[ "$output" == *"an ini cannot contain"* ]]
        run -78 claude-run --directory "$BATS_TEST_TMPDIR/blank " -- -p question
        [[ "$output" == *"blank at the end"* ]]
        run -2 env EVIL=$'a\n[Project]\nShare=x:/home/tester/secrets:/x' claude-run --env EVIL -- -p question
        [ -z "$(ls "$XDG_RUNTIME_DIR/claude-microvm/requests")" ]
}
