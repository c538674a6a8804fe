#!/usr/bin/env bats
# Workspace=copy: the directory stays as it is until the user takes something over. One VM for most of it.

load common

setup_file() {
        start_api
        new_project copied 'AgentStart=session' 'Workspace=copy'
        cd "$(project_dir copied)"
        git init --quiet --initial-branch=main
        git config user.name a
        git config user.email a@example.org
        printf 'one\ntwo\nthree\n' >file
        echo mine >mine
        mkdir .vscode && echo '{}' >.vscode/tasks.json
        git add . && git commit --quiet --message=one
        # without claude-run
        systemctl --user start claude-vm@copied
}

teardown_file() {
        systemctl --user stop claude-vm@copied claude-vm@named claude-vm@large || true
        rm -rf ~/.config/claude-microvm/{copied,named,large}.ini ~/.local/share/claude-microvm/copies
        systemctl --user daemon-reload
        stop_api
}

# The VM of setup_file goes on.
teardown() {
        systemctl --user reset-failed || true
}

in_guest() {
        ssh -F "$XDG_RUNTIME_DIR/claude-vm/copied/ssh.config" claude-vm "$@"
}

state_of() {
        (cd "$1" && find . -not -path './.git/*' -printf '%p %y %m %T@ %s %l\n' | sort)
}

@test "Workspace=copy: the guest writes where it likes, and the directory is as it was" {
        local dir before
        dir=$(project_dir copied)
        before=$(state_of "$dir")
        run -0 in_guest "bash -e -s" <<-'END'
		cd /work
		[ "$(cat file)" = $'one\ntwo\nthree' ]
		sed -i s/two/2/ file
		mkdir -p src && printf 'new\n' >src/new && chmod +x src/new
		ln -s ../file src/link && ln -s /etc/passwd out
		echo '#!/bin/sh' >.git/hooks/pre-commit && echo '{"tasks": 1}' >.vscode/tasks.json
		git config user.name guest && git config user.email g@example.org && git config core.fsmonitor /work/evil
		printf '#!/bin/sh\ntouch /tmp/pwned\n' >evil && chmod +x evil
		git -c core.fsmonitor= -c core.hooksPath=/x commit --quiet --all --message=two
		sudo sh -c 'cp /bin/true suid && chmod 6755 suid' || true
	END
        [ "$(state_of "$dir")" = "$before" ]
        run -0 git -C "$dir" log --format=%s
        [ "$output" = one ]
}

@test "diff lists what differs, as text, as a patch and as JSON" {
        cd "$(project_dir copied)"
        run -0 --separate-stderr claude-run diff --list
        [[ "$output" == *"changed  .vscode/tasks.json  (is a name that programs of this machine obey)"* ]]
        [[ "$output" == *"changed  file"$'\n'* ]]
        [[ "$output" == *"new      out  (is a link that may lead out of the project)"* ]]
        [[ "$output" == *"new      src/"$'\n'"new      src/link"$'\n'"new      src/new"* ]]
        [[ "$output" != *.git/* ]]
        run -0 --separate-stderr claude-run diff copied file
        [ "$output" = "changed  file
--- a/file
+++ b/file
@@ -1,3 +1,3 @@
 one
-two
+2
 three" ]
        run -0 --separate-stderr claude-run diff copied --json
        jq --exit-status '.name == "copied" and .complete and (.changes[] | select(.path == "out") | .refused) != null' <<<"$output"
        # and git was not run there
        [ ! -e /tmp/pwned ]
}

@test "apply takes what is asked for, and refuses what is dangerous or has changed here" {
        local dir
        dir=$(project_dir copied)
        cd "$dir"
        run -0 claude-run apply --dry-run copied file src
        [ "${lines[0]}" = 'changed  file' ]
        [ "$(cat file)" = $'one\ntwo\nthree' ]
        run -0 claude-run apply copied src
        [ "$(cat src/new)" = new ]
        [ -x src/new ]
        [ "$(readlink src/link)" = ../file ]
        [ "$(cat file)" = $'one\ntwo\nthree' ]
        echo 'changed here' >file
        run -1 --separate-stderr claude-run apply copied
        [[ "$stderr" == *"not applied: file: has changed here since it was copied; to lose what is here: --overwrite"* ]]
        [[ "$stderr" == *"not applied: out: is a link that may lead out of the project"* ]]
        [[ "$stderr" == *"not applied: .vscode/tasks.json: is a name that programs of this machine obey; if you have looked at it: --with-protected"* ]]
        [ "$(cat file)" = 'changed here' ]
        [ ! -e out ]
        # the share has refused the bits already; files with them are those of test-apply
        [ ! -u suid ]
        [ ! -g suid ]
        [ "$(cat .vscode/tasks.json)" = '{}' ]
        [ -x evil ]
        [ ! -e .git/hooks/pre-commit ]
        run -0 claude-run apply --overwrite --with-protected copied file .vscode
        [ "$(cat file)" = $'one\n2\nthree' ]
        [ "$(cat .vscode/tasks.json)" = '{"tasks": 1}' ]
        run -0 claude-run apply copied file
        [ "$output" = 'Nothing differs.' ]
}

@test "apply --branch fetches the commits, and obeys nothing of the guest's" {
        local dir
        dir=$(project_dir copied)
        run -0 --separate-stderr claude-run apply --branch copied
        [ "$output" = claude/copied/main ]
        run -0 git -C "$dir" log --format='%s %an' claude/copied/main
        [ "$output" = $'two guest\none a' ]
        [ "$(git -C "$dir" log --format=%s)" = one ]
        [ ! -e /tmp/pwned ]
        run git -C "$dir" config core.fsmonitor
        [ "$status" = 1 ]
}

@test "the copy survives a restart, list shows its size, and discard asks" {
        run -0 in_guest 'echo kept >/work/kept'
        run -1 claude-run discard copied --yes
        [[ "$output" == *"VM 'copied' works on it; to stop it: claude-run stop copied"* ]]
        run -0 claude-run restart copied
        [ "$(in_guest 'cat /work/kept')" = kept ]
        run -0 --separate-stderr claude-run list --json
        jq --exit-status '.[] | select(.name == "copied") | .copyBytes > 4096' <<<"$output"
        [[ "$(claude-run list --wide)" == *COPY* ]]
        run -0 claude-run stop copied
        run -2 claude-run discard copied </dev/null
        [[ "$output" == *"discard asks first"* ]]
        # another name
        run -0 claude-run rename copied named
        [ "$(cat ~/.local/share/claude-microvm/copies/named/work/kept)" = kept ]
        run -0 claude-run discard named --yes
        [ -z "$(ls -A ~/.local/share/claude-microvm/copies)" ]
        run -78 claude-run diff named
        [[ "$output" == *"'named' has no copy of its directory"* ]]
        # what makes the copy, without a VM
        run -0 systemctl --user start claude-vm-copy@named
        [ ! -e ~/.local/share/claude-microvm/copies/named/work/kept ]
        run -0 claude-run rm --yes named
        [ -z "$(ls -A ~/.local/share/claude-microvm/copies)" ]
}

@test "a directory that is too large is not copied, and the message says what allows it" {
        new_project large 'Workspace=copy' 'CopyMax=1M'
        head -c 3M /dev/zero >"$(project_dir large)/zeros"
        head -c 3M /dev/urandom >"$(project_dir large)/noise"
        run -78 claude-run start large
        [[ "$output" == *"Failed to start 'large': "*"set CopyMax=1G in [Project]"* ]]
        [ ! -e ~/.local/share/claude-microvm/copies/large ]
        run systemctl --user start claude-vm@large
        [ "$status" != 0 ]
        wait_inactive large claude-vm-virtiofsd@large:work.socket
        wait_inactive large claude-vm-virtiofsd@large:home.socket
}

@test "a kill -9 while the copy is made leaves none that counts" {
        local copies=~/.local/share/claude-microvm/copies
        new_project large 'Workspace=copy' 'CopyMax=1T'
        head -c 512M /dev/urandom >"$(project_dir large)/noise"
        mkdir -p "$copies"
        systemctl --user start --no-block claude-vm-copy@large
        wait_file "$copies/.new.large"
        systemctl --user kill --signal=KILL claude-vm-copy@large || true
        wait_inactive large claude-vm-copy@large.service
        [ ! -e "$copies/large" ] || cmp "$copies/large/work/noise" "$(project_dir large)/noise"
        systemctl --user reset-failed
        echo small >"$(project_dir large)/noise"
        run -0 systemctl --user start claude-vm-copy@large
        [ -z "$(ls -Ad "$copies"/.new.* 2>/dev/null)" ]
        run -0 claude-run discard large --yes
        rm -rf "$(project_dir large)"
}
