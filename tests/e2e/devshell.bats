#!/usr/bin/env bats
# DevShell=: evaluated on the host by a nix that is a script here, and only when asked for.

load common

# another image for who works on the guest
GUEST=${CLAUDE_VM_TEST_GUEST:-debian}
CACHE=$HOME/.cache/claude-microvm/devshell

# A nix that prints the flake as the script, counts its calls where it may write, and complains of the word
# "broken". It has no PATH, as the real one.
setup_file() {
        start_api
        mkdir -p ~/.nix-profile/bin
        cat >~/.nix-profile/bin/nix <<-'NIX'
	#!/bin/bash
	echo "$*" >>"$XDG_CACHE_HOME/calls"
	text=$(<flake.nix)
	[[ $text != spy ]] || exec /usr/bin/python3 "${0%/*}/spy"
	[[ $text != slow ]] || { echo begun >&2; exec /usr/bin/sleep 60; }
	[[ $text != *broken* ]] || { echo "error: undefined variable 'broken'" >&2; exit 1; }
	(: >written) 2>/dev/null && echo "export WRITTEN=yes"
	: >"$TMPDIR/temporary" || exit 1
	command -v git && echo "export HAVE_GIT=yes"
	[ ! -r ~/.ssh/id_test ] || echo "export HAVE_KEY=yes"
	echo "$text"
	NIX
        chmod +x ~/.nix-profile/bin/nix
        # what a guest's program would try, and two positive controls
        cat >~/.nix-profile/bin/spy <<-'PYTHON'
	import os, pwd, socket
	uid, home = os.getuid(), pwd.getpwuid(os.getuid()).pw_dir
	def attempt(name, function):
	    try:
	        function()
	        print(f"export CAN_{name}=yes")
	    except OSError as e:
	        print(f"export NO_{name}={e.errno}")
	def connect(path):
	    socket.socket(socket.AF_UNIX).connect(path)
	run = f"/run/user/{uid}"
	attempt("WORK", lambda: open("flake.nix"))
	attempt("TEMPORARY", lambda: open(os.environ["TMPDIR"] + "/x", "w"))
	attempt("CANARY", lambda: open(home + "/canary"))
	attempt("OTHER_PROJECT", lambda: os.stat(home + "/projects/shy"))
	attempt("WRITE", lambda: open(home + "/written", "w"))
	attempt("TMP", lambda: open("/tmp/canary"))
	attempt("AGENT", lambda: connect("/tmp/canary.sock"))
	attempt("BUS", lambda: connect(run + "/bus"))
	attempt("MANAGER", lambda: connect(run + "/systemd/private"))
	attempt("SYSTEM_BUS", lambda: connect("/run/dbus/system_bus_socket"))
	print("export VARIABLES=" + "+".join(sorted(os.environ)))
	PYTHON
        mkdir -p -m 0700 ~/.ssh
        echo key >~/.ssh/id_test
}

teardown_file() {
        stop_api
        rm -rf ~/.nix-profile ~/.ssh/id_test "$CACHE"
}

setup() {
        BATS_TEST_STARTED=$(date +%s)
        rm -rf "$CACHE"
}

calls() {
        if [ -e "$CACHE/calls" ]; then wc -l <"$CACHE/calls"; else echo 0; fi
}

# evaluate NAME: its unit alone, without the VM
evaluate() {
        systemctl --user start "claude-vm-devshell@$1"
}

script() {
        cat "$CACHE"/*-*/*-*-*-*-*
}

# says TEXT: the journal has that, or will have in a moment. Of all units: the journal may look for the unit of
# a line when the program that wrote it has ended.
says() {
        timeout 180 grep --quiet --max-count=1 --fixed-strings -e "$1" \
                <(journalctl --user --follow --lines=all --output=cat --since "@$BATS_TEST_STARTED")
}

# bats test_tags=no-vm
@test "evaluated once, again when a file of it changes, and the old result goes" {
        new_project cached 'DevShell=yes'
        cd "$(project_dir cached)"
        echo 'export DEV_SHELL=one' >flake.nix
        evaluate cached
        evaluate cached
        [ "$(calls)" = 1 ]
        grep --quiet 'DEV_SHELL=one' <(script)
        # no git, no keys, and the project is read-only to it
        run ! grep --quiet 'WRITTEN\|HAVE' <(script)
        [ ! -e written ]
        echo 'export DEV_SHELL=two' >flake.nix
        evaluate cached
        echo '{}' >flake.lock
        evaluate cached
        [ "$(calls)" = 3 ]
        [ "$(find "$CACHE"/*-*/*-*-*-*-* | wc -l)" = 1 ]
        [ "$(stat -c %a "$CACHE")" = 700 ]
        # settings of the flake and a lock file are not for nix to take and to write
        grep --quiet -e '--option accept-flake-config false --option sandbox true --option sandbox-fallback false --no-write-lock-file' "$CACHE/calls"
}

# bats test_tags=no-vm
@test "never evaluated unless asked for; nothing to evaluate is no failure" {
        new_project silent
        echo 'export DEV_SHELL=one' >"$(project_dir silent)/flake.nix"
        run ! grep --quiet devshell <(systemctl --user cat claude-vm@silent; systemctl --user show claude-vm@silent)
        new_project bare 'DevShell=yes'
        evaluate bare
        says 'has no flake.nix'
        # devenv is asked for by its name
        echo '{ }' >"$(project_dir bare)/devenv.nix"
        run ! evaluate bare
        says 'write DevShell=devenv'
        [ "$(calls)" = 0 ]
}

# bats test_tags=no-vm
@test "what is evaluated sees neither home nor sockets, and few variables" {
        new_project spied 'DevShell=yes'
        new_project shy
        echo spy >"$(project_dir spied)/flake.nix"
        echo secret >~/canary
        echo secret >/tmp/canary
        python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.bind("/tmp/canary.sock"); s.listen(); input()' < <(exec sleep 60 3>&- 4>&-) &
        systemctl --user set-environment SECRET_TOKEN=x
        evaluate spied
        systemctl --user unset-environment SECRET_TOKEN
        kill %1
        rm ~/canary /tmp/canary /tmp/canary.sock
        script
        [ "$(grep --count '^export CAN_\(WORK\|TEMPORARY\)=' <(script))" = 2 ]
        [ "$(grep --count '^export CAN_' <(script))" = 2 ]
        [ "$(grep --count '^export NO_' <(script))" = 8 ]
        grep --quiet '^export VARIABLES=HOME+.*+TMPDIR+XDG_CACHE_HOME$' <(script)
        run ! grep --quiet 'SECRET_TOKEN\|DBUS\|XDG_RUNTIME_DIR\|NOTIFY' <(script)
}

# bats test_tags=no-vm
@test "links and strange files under every name are refused" {
        new_project hostile 'DevShell=yes'
        local name victim=$HOME/victim
        cd "$(project_dir hostile)"
        echo precious >"$victim"
        for name in flake.nix flake.lock devenv.nix devenv.yaml devenv.lock; do
                echo 'export DEV_SHELL=one' >flake.nix
                ln -sf "$victim" "$name"
                run ! evaluate hostile
                says "cannot read '$name': it is a symbolic link"
                rm "$name"
        done
        rm -f flake.nix
        mkfifo flake.nix
        run timeout 20 systemctl --user start claude-vm-devshell@hostile
        # 124 would be a reader that waits for a writer
        [ "$status" != 0 ]
        [ "$status" != 124 ]
        says "cannot read 'flake.nix': Operation not supported"
        rm flake.nix
        head -c 1100000 /dev/zero | tr '\0' ' ' >flake.nix
        run ! evaluate hostile
        says 'more than 1 MiB'
        rm flake.nix
        # the directory itself
        echo 'export DEV_SHELL=one' >flake.nix
        cd ..
        mv hostile moved
        ln -s moved hostile
        run ! evaluate hostile
        says "cannot read '$PWD/hostile'"
        rm hostile
        mv moved hostile
        [ "$(calls)" = 0 ]
        [ "$(cat "$victim")" = precious ]
}

# bats test_tags=no-vm
@test "a VM that is stopped during the evaluation leaves nothing" {
        new_project early 'DevShell=yes'
        echo 'slow' >"$(project_dir early)/flake.nix"
        systemctl --user start --no-block claude-vm@early
        says 'begun'
        systemctl --user stop claude-vm@early
        wait_inactive early claude-vm-devshell@early.service
        assert_nothing_left early
}

# bats test_tags=no-vm
@test "the cache cannot be shared with a guest" {
        new_project thief "WorkDirectory=$CACHE"
        sed -i "/WorkDirectory=.*projects/d" ~/.config/claude-microvm/thief.ini
        mkdir -p "$CACHE"
        systemctl --user daemon-reload
        run ! systemctl --user start claude-vm@thief
        [[ "$(vm_property thief StatusText)" == *"holds the dev shells"* ]]
        rm ~/.config/claude-microvm/thief.ini
        systemctl --user daemon-reload
}

# bats test_tags=no-vm
@test "DIRENV_ALLOW asks for it with 1, and with nothing else" {
        new_project template
        local ini=$HOME/.config/claude-microvm/made.ini value
        mkdir -p ~/projects/made
        for value in 1 0 '' no; do
                DIRENV_ALLOW=$value run -0 claude-run -C ~/projects/made config new made
                run cat "$ini"
                rm "$ini"
                [ "$value" = 1 ] || [[ "$output" != *DevShell* ]]
                [ "$value" != 1 ] || [[ "$output" == *DevShell=yes* ]]
        done
        # and is no setting that only a fresh VM could have
        for value in 0 1; do
                DIRENV_ALLOW=$value run claude-run template </dev/null
                [[ "$output" != *"fresh VM"* ]]
        done
        rm ~/.config/claude-microvm/template.ini
        systemctl --user daemon-reload
}

@test "the agent and sessions have the shell; the guest cannot change it" {
        new_project shell 'DevShell=yes' AgentStart=session '[VM]' "Guest=$GUEST" '[Environment]' 'BOTH=of the ini'
        printf '%s\n' 'PATH=/opt/shell/bin:$PATH' 'export DEV_SHELL="two  words" BOTH="of the shell"' 'false' >"$(project_dir shell)/flake.nix"
        systemctl --user start claude-vm@shell
        [ "$(calls)" = 1 ]
        run -0 claude-run exec shell -- bash -c 'echo "$DEV_SHELL|$BOTH|$PATH"'
        [[ "$output" == "two  words|of the ini|/opt/shell/bin:"* ]]
        # the agent itself, and the shells that it runs
        claude-run exec shell -- /usr/lib/claude-vm/agent-exec -p --dangerously-skip-permissions \
                'run: echo "$DEV_SHELL|$PATH" >/work/seen; tr "\0" "\n" </proc/$(pgrep --oldest --exact claude)/environ >/work/environ'
        grep --quiet '^two  words|.*/opt/shell/bin:' "$(project_dir shell)/seen"
        grep --quiet --line-regexp 'DEV_SHELL=two  words' "$(project_dir shell)/environ"
        local before
        before=$(script)
        [ -n "$before" ]
        run ! claude-run exec --user root shell -- sh -c 'head -c 512 /dev/zero >/dev/vdb && sync /dev/vdb'
        [ "$(script)" = "$before" ]
        [ ! -d /nix/store ] || claude-run exec --user root shell -- grep --quiet '^nix_store /nix/store virtiofs ro,' /proc/mounts
        # one that exits keeps nobody from starting
        claude-run exec --user root shell -- sh -c 'echo exit 3 >/run/claude-vm/devshell; rm /run/claude-vm/agent/devshell'
        run -0 claude-run exec shell -- /usr/lib/claude-vm/agent-exec --version
        [[ "$output" == *"could not be set up"*"Claude Code"* ]]
        # what a host that could not evaluate it leaves to the guest's direnv
        claude-run exec --user root shell -- sh -c ': >/run/claude-vm/devshell; rm /run/claude-vm/agent/devshell; cat >/usr/local/bin/direnv; chmod +x /usr/local/bin/direnv' <<-'DIRENV'
	#!/bin/bash
	[ "$1" = allow ] || FROM_DIRENV=$(cat "$2/.envrc") exec "${@:3}"
	DIRENV
        run -0 claude-run exec shell -- bash -c 'echo "$FROM_DIRENV"'
        [ "$output" = "use flake $(project_dir shell)" ]
        systemctl --user stop claude-vm@shell
        assert_nothing_left shell
}

@test "a failing evaluation: a warning with nix's words, and the VM runs without" {
        new_project template
        rm ~/.config/claude-microvm/template.ini
        systemctl --user daemon-reload
        cd "$BATS_TEST_TMPDIR"
        echo 'broken' >flake.nix
        make_small_agent "$PWD"
        export CLAUDE_HOME=$HOME/homes/template ANTHROPIC_API_KEY=sk-test-key ANTHROPIC_BASE_URL=http://10.0.2.2:$API_PORT
        run -0 claude-run --dev-shell --guest "$GUEST" --allow "host:$API_PORT" --memory 1536M --cpus 1 --accelerator tcg --env "$SMALL_AGENT" -- -p \
                'echo without >/work/made.txt'
        [ "$(cat made.txt)" = without ]
        [ "$(calls)" = 1 ]
        journalctl --user --no-pager --output=cat --since "@$BATS_TEST_STARTED" >journal
        grep --quiet "error: undefined variable 'broken'" journal
        grep --quiet "No dev shell for '$PWD': the evaluation failed" journal
        grep --quiet 'No dev shell from the host' journal
        wait_inactive '' "$(grep --only-matching --max-count=1 'claude-vm-devshell@[0-9a-f-]*' journal).service"
        [ -z "$(find "$XDG_RUNTIME_DIR/systemd/user" -name '*devshell*')" ]
}
